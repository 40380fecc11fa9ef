#include "file_names.hpp"

#include <gtest/gtest.h>

namespace millrace::recording {
namespace {

TEST(FileNames, AreReadAsTheyAreMade) {
  const std::string stem = file_stem("my-stream_2", 1'795'000'000'123'000);
  EXPECT_EQ(stem, "my-stream_2-2026-11-18T11-06-40.123Z");
  for (const auto& [suffix, state] : {std::pair{kPartSuffix, FileState::kPart},
                                      {kFinishingSuffix, FileState::kFinishing},
                                      {kDamagedSuffix, FileState::kDamaged},
                                      {kFinishedSuffix, FileState::kFinished}}) {
    const auto name = parse_file_name(stem + std::string(suffix));
    ASSERT_TRUE(name);
    EXPECT_EQ(name->stream_id, "my-stream_2");
    EXPECT_EQ(name->stem, stem);
    EXPECT_EQ(name->state, state);
  }
}

TEST(FileNames, OfOthersAreLeftAlone) {
  for (const char* const name : {"", ".mp4", "movie.mp4", "s1-2026-11-18T11-06-40.123Z.mkv",
                                 "s1-2026-11-18T11-06-40Z.mp4", "-2026-11-18T11-06-40.123Z.mp4",
                                 "a/b-2026-11-18T11-06-40.123Z.mp4", "s1-2026-11-18T11-06-4x.123Z.mp4"}) {
    EXPECT_FALSE(parse_file_name(name)) << name;
  }
}

}  // namespace
}  // namespace millrace::recording
