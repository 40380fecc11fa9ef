// What goes of a deleted stream's recordings, and what stays.
#include "removal.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "recordings/private_mark.hpp"

namespace millrace::recording {
namespace {

const std::string kStem = "-2026-11-18T11-06-40.123Z";

class RemovalTest : public ::testing::Test {
 protected:
  RemovalTest() {
    std::string pattern = ::testing::TempDir() + "/removal-XXXXXX";
    directory_ = ::mkdtemp(pattern.data());
  }
  ~RemovalTest() override { std::filesystem::remove_all(directory_); }
  void put(const std::string& name) const { std::ofstream(directory_ + "/" + name) << "media"; }
  // Every kind of file that recording leaves of a stream.
  void put_all(const std::string& id) const {
    for (const char* suffix : {".mp4", ".part.mp4", ".finishing.part.mp4", ".damaged.part.mp4"})
      put(id + kStem + suffix);
    put(recordings::private_mark(id + kStem));
  }
  std::set<std::string> left() const {
    std::set<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(directory_))
      names.insert(entry.path().filename().string());
    return names;
  }
  using Names = std::set<std::string>;

  std::string directory_;
};

TEST_F(RemovalTest, TakesEveryFileOfTheStreamAndNoOther) {
  put_all("gone");
  const Names others = {"gone-2" + kStem + ".mp4",
                        "gon" + kStem + ".mp4",
                        "gone.mp4",
                        "film.mp4",
                        ".recorder",
                        recordings::private_mark("gone-2" + kStem)};
  for (const std::string& name : others) put(name);
  const Removal removal = remove_recordings(directory_, {"gone"}, {});
  EXPECT_EQ(removal.files, 4U);
  EXPECT_FALSE(removal.waits);
  EXPECT_FALSE(removal.error);
  EXPECT_EQ(left(), others);
}

TEST_F(RemovalTest, LeavesWhatIsWrittenNowWithItsMark) {
  put_all("gone");
  put("gone-2026-11-18T12-00-00.000Z.mp4");
  const Removal removal = remove_recordings(directory_, {"gone"}, {"gone"});
  EXPECT_TRUE(removal.waits);
  EXPECT_EQ(removal.files, 3U) << "what is finished or damaged is nobody's";
  const std::string stem = "gone" + kStem;
  EXPECT_EQ(left(),
            (Names{stem + ".part.mp4", stem + ".finishing.part.mp4", recordings::private_mark(stem)}));
  EXPECT_FALSE(remove_recordings(directory_, {"gone"}, {}).waits);
  EXPECT_EQ(left(), Names{});
}

// A look that was killed between the file and its mark.
TEST_F(RemovalTest, TakesAMarkWhoseFileIsGone) {
  put(recordings::private_mark("gone" + kStem));
  EXPECT_EQ(remove_recordings(directory_, {"gone"}, {}).files, 0U);
  EXPECT_EQ(left(), Names{});
}

TEST_F(RemovalTest, SaysWhatItCannotDeleteAndKeepsItsMark) {
  const std::string name = "gone" + kStem + ".mp4";
  std::filesystem::create_directories(directory_ + "/" + name + "/x");  // unlink fails, for root too
  put(recordings::private_mark("gone" + kStem));
  put("gone-2026-11-18T12-00-00.000Z.mp4");
  const Removal removal = remove_recordings(directory_, {"gone"}, {});
  EXPECT_TRUE(removal.waits);
  EXPECT_TRUE(removal.error);
  EXPECT_EQ(removal.files, 1U) << "the others go";
  EXPECT_EQ(left(), (Names{name, recordings::private_mark("gone" + kStem)}));
}

TEST_F(RemovalTest, FindsNothingWhereThereIsNoDirectoryYet) {
  const Removal removal = remove_recordings(directory_ + "/none", {"gone"}, {});
  EXPECT_EQ(removal.files, 0U);
  EXPECT_FALSE(removal.waits || removal.error);
}

}  // namespace
}  // namespace millrace::recording
