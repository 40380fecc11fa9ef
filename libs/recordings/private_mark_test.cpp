#include "recordings/private_mark.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "recordings/file_names.hpp"

namespace millrace::recordings {
namespace {

constexpr WallTime kStarted = WallTime::from_us(1'795'000'000'123'000);

class PrivateMark : public ::testing::Test {
 protected:
  PrivateMark() {
    std::string pattern = ::testing::TempDir() + "/recordings-XXXXXX";
    directory_ = ::mkdtemp(pattern.data());
  }
  ~PrivateMark() override { std::filesystem::remove_all(directory_); }
  void put(const std::string& name) const { std::ofstream(directory_ + "/" + name) << ""; }

  std::string directory_;
};

// As it is on users' disks.
TEST_F(PrivateMark, KeepsItsName) {
  EXPECT_EQ(private_mark("s1-2026-11-18T11-06-40.123Z"), ".s1-2026-11-18T11-06-40.123Z.private");
  put(".s1-2026-11-18T11-06-40.123Z.private");
  EXPECT_TRUE(is_marked_private(directory_, "s1-2026-11-18T11-06-40.123Z.mp4"));
}

TEST_F(PrivateMark, IsFoundWhereItIsLeft) {
  const std::string stem = file_stem("my-stream_2", kStarted);
  const std::string name = stem + std::string(kFinishedSuffix);
  EXPECT_FALSE(is_marked_private(directory_, name));
  put(private_mark(stem));
  EXPECT_TRUE(is_marked_private(directory_, name));
  EXPECT_FALSE(is_marked_private(directory_, file_stem("my-stream_2", kStarted + 1000) + ".mp4"));
  EXPECT_FALSE(is_marked_private(directory_, file_stem("my-stream", kStarted) + ".mp4"));
}

TEST_F(PrivateMark, SaysWhoseItIs) {
  const std::string stem = file_stem("my-stream_2", kStarted);
  const auto file = parse_private_mark(private_mark(stem));
  ASSERT_TRUE(file);
  EXPECT_EQ(file->stream_id, "my-stream_2");
  EXPECT_EQ(file->stem, stem);
  for (const std::string& name :
       {std::string(), std::string("."), std::string(".private"), private_mark(""), private_mark("a"),
        private_mark(stem + ".part"), stem + ".private", "." + stem, private_mark(stem) + ".mp4"})
    EXPECT_FALSE(parse_private_mark(name)) << name;
}

TEST_F(PrivateMark, IsNeverOfferedItself) {
  const std::string mark = private_mark(file_stem("s1", kStarted));
  EXPECT_FALSE(is_offered(mark));
  EXPECT_FALSE(parse_file_name(mark));
}

TEST_F(PrivateMark, IsAskedOfFilesOfTheDirectoryOnly) {
  put(private_mark("a"));
  std::filesystem::create_directory(directory_ + "/.x");
  std::ofstream(directory_ + "/.x/y.private") << "";
  for (const char* const name : {"", "a", "a.mkv", "x/y.mp4", "../a.mp4", "a.mp"})
    EXPECT_FALSE(is_marked_private(directory_, name)) << name;
  EXPECT_TRUE(is_marked_private(directory_, "a.mp4"));
}

}  // namespace
}  // namespace millrace::recordings
