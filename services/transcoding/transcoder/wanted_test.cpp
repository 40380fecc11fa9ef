#include "wanted.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

namespace millrace::transcoding {
namespace {

TEST(Wanted, IsReadAsItIsWritten) {
  for (const Wanted& wanted :
       {Wanted{}, Wanted{{"v0-720p"}, 0}, Wanted{{"a0-aac", "v0-360p"}, 3'600'000'007, {2'500, 29'970}}})
    EXPECT_EQ(parse_wanted(to_string(wanted)), wanted) << to_string(wanted);
}

TEST(Wanted, RefusesEverythingElse) {
  for (const char* line :
       {"", "want", "want x", "want 1", "want -1 0 0", "want 1 v0 0", "want 1 0 0 v0/720p", "want 1 0 0  v0",
        "stop 1 0 0", "want 99999999999999999999 0 0", "want 1 4294967296 0"})
    EXPECT_FALSE(parse_wanted(line)) << line;
  std::string many = "want 0 0 0";
  for (std::size_t i = 0; i <= kMostNames; ++i) many += " v" + std::to_string(i);
  EXPECT_FALSE(parse_wanted(many));
}

class WantedReaderTest : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_EQ(::pipe(ends_), 0); }
  void TearDown() override {
    ::close(ends_[0]);
    ::close(ends_[1]);
  }
  void say(const std::string& text) {
    ASSERT_EQ(::write(ends_[1], text.data(), text.size()), static_cast<ssize_t>(text.size()));
  }
  int ends_[2] = {-1, -1};
};

TEST_F(WantedReaderTest, TakesTheNewestWholeLineAndNeverWaits) {
  WantedReader reader(ends_[0]);
  EXPECT_FALSE(reader.take());
  say("want 9 0 0 v0-36");
  EXPECT_FALSE(reader.take());
  say("0p\nwant 8 500 25000 v0-720p\nwant 10 0 0 v0-480p\nwant 9 0");
  EXPECT_EQ(reader.take(), (Wanted{{"v0-480p"}, 8})) << "from the first of those that are new";
  say(" 0\n");
  EXPECT_EQ(reader.take(), (Wanted{{}, 9}));
}

TEST_F(WantedReaderTest, PassesOverWhatItDoesNotUnderstand) {
  WantedReader reader(ends_[0]);
  say("want 1 0 0 v0\n" + std::string(WantedReader::kMostBytes + 10, 'x') + "\nnonsense\n");
  EXPECT_EQ(reader.take(), (Wanted{{"v0"}, 1}));
  say("want 2 0 0 v0\n");
  EXPECT_EQ(reader.take(), (Wanted{{"v0"}, 2}));
}

}  // namespace
}  // namespace millrace::transcoding
