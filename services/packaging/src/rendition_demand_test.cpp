#include "rendition_demand.hpp"

#include <gtest/gtest.h>

namespace millrace::packaging {
namespace {

constexpr std::int64_t kSecond = 1'000'000;
constexpr std::int64_t kPatience = 6 * kSecond;
constexpr PublicationId kOne{1};

RenditionDemand::Asked asked(std::string_view rendition, std::uint64_t media_sequence, std::int64_t now_us) {
  return {"s1", kOne, rendition, media_sequence, now_us, now_us + kPatience};
}

class RenditionDemandTest : public ::testing::Test {
 protected:
  RenditionDemandTest() {
    demand_.set_teller([this](const RenditionDemand::Watched& watched) { told_.push_back(watched); });
  }
  // Of s1.
  std::map<std::string, std::uint64_t, std::less<>> watched(std::int64_t now_us) {
    const auto all = demand_.collect(now_us);
    return all.empty() ? std::map<std::string, std::uint64_t, std::less<>>() : all.front().renditions;
  }

  RenditionDemand demand_;
  std::vector<RenditionDemand::Watched> told_;
};

TEST_F(RenditionDemandTest, TellsAtOnceOfWhatNobodyWatchedBefore) {
  demand_.ask(asked("v0-180p", 7, kSecond));
  ASSERT_EQ(told_.size(), 1U);
  EXPECT_EQ(told_.front().stream_id, "s1");
  EXPECT_EQ(told_.front().publication_id, kOne);
  EXPECT_EQ(told_.front().renditions.at("v0-180p"), 7U);
  demand_.ask(asked("v0-180p", 8, kSecond + 10));
  EXPECT_EQ(told_.size(), 1U);
  demand_.ask(asked("v0-120p", 8, kSecond + 20));
  EXPECT_EQ(told_.size(), 2U);
  EXPECT_EQ(demand_.newest_us(), kSecond + 20);
}

TEST_F(RenditionDemandTest, SaysWhatIsWatchedUntilNobodyAsksAnyMore) {
  demand_.ask(asked("v0-180p", 8, 0));
  demand_.ask(asked("v0-180p", 7, 10));
  demand_.ask(asked("v0-120p", 0, 2 * kSecond));
  EXPECT_EQ(watched(3 * kSecond),
            (std::map<std::string, std::uint64_t, std::less<>>{{"v0-120p", 0}, {"v0-180p", 7}}));
  EXPECT_EQ(watched(4 * kSecond).at("v0-180p"), 0U) << "the segment is said once: later it is an old one";
  EXPECT_EQ(watched(kPatience + 10).size(), 1U);
  EXPECT_TRUE(watched(kPatience + 2 * kSecond).empty());
  demand_.ask(asked("v0-180p", 99, 60 * kSecond));
  EXPECT_EQ(told_.back().renditions.at("v0-180p"), 99U) << "it is new again";
}

TEST_F(RenditionDemandTest, CountsTheSecondReadingOfAListByOneViewer) {
  demand_.read(asked("v0-180p", 0, 0), "192.0.2.1", "player");
  demand_.read(asked("v0-120p", 0, 0), "192.0.2.1", "player");
  demand_.read(asked("v0-180p", 0, kSecond), "192.0.2.2", "player");
  demand_.read(asked("v0-180p", 0, kSecond), "192.0.2.1", "another");
  EXPECT_TRUE(told_.empty()) << "who looks at everything, once";
  demand_.read(asked("v0-180p", 0, 2 * kSecond), "192.0.2.1", "player");
  ASSERT_EQ(told_.size(), 1U);
  EXPECT_EQ(told_.front().renditions.count("v0-180p"), 1U);
  demand_.read(asked("v0-120p", 0, kPatience), "192.0.2.1", "player");
  EXPECT_EQ(told_.size(), 1U) << "that was long ago";
}

TEST_F(RenditionDemandTest, ForgetsWhatWasWatchedOfAnotherPublication) {
  demand_.ask(asked("v0-180p", 8, 0));
  demand_.ask({"s1", PublicationId{2}, "v0-120p", 3, 10, kPatience});
  const auto all = demand_.collect(20);
  ASSERT_EQ(all.size(), 1U);
  EXPECT_EQ(all.front().publication_id, PublicationId{2});
  EXPECT_EQ(all.front().renditions.size(), 1U);
}

TEST_F(RenditionDemandTest, IsBounded) {
  for (std::size_t i = 0; i < 2 * RenditionDemand::kMostRenditions; ++i)
    demand_.ask(asked("v0-" + std::to_string(i), 0, 1));
  EXPECT_EQ(watched(1).size(), RenditionDemand::kMostRenditions);
  for (std::size_t i = 0; i < 2 * RenditionDemand::kMostStreams; ++i)
    demand_.ask({std::to_string(i), kOne, "v0-180p", 0, 1, kPatience});
  EXPECT_EQ(demand_.collect(1).size(), RenditionDemand::kMostStreams);
  EXPECT_EQ(told_.size(), RenditionDemand::kMostRenditions + RenditionDemand::kMostStreams - 1);
  for (std::size_t i = 0; i <= RenditionDemand::kMostReaders; ++i)
    demand_.read(asked("v0-180p", 0, 2), std::to_string(i), "player");
  const std::string further = std::to_string(RenditionDemand::kMostReaders);
  demand_.read(asked("v0-180p", 0, 2), further, "player");
  EXPECT_EQ(told_.size(), RenditionDemand::kMostRenditions + RenditionDemand::kMostStreams - 1);
  EXPECT_TRUE(demand_.collect(60 * kSecond).empty());
  for (int i = 0; i < 2; ++i) demand_.read(asked("v0-60p", 0, 60 * kSecond), further, "player");
  EXPECT_EQ(demand_.newest_us(), 60 * kSecond) << "others have gone";
}

}  // namespace
}  // namespace millrace::packaging
