#include "recordings/file_names.hpp"

#include <gtest/gtest.h>

namespace millrace::recordings {
namespace {

constexpr WallTime kStarted = WallTime::from_us(1'795'000'000'123'000);

struct Form {
  std::string_view suffix;
  FileState state;
  bool offered;
};
constexpr Form kForms[] = {{".part.mp4", FileState::kPart, false},
                           {".finishing.part.mp4", FileState::kFinishing, false},
                           {".damaged.part.mp4", FileState::kDamaged, false},
                           {".mp4", FileState::kFinished, true}};
static_assert(kForms[0].suffix == kPartSuffix && kForms[1].suffix == kFinishingSuffix &&
              kForms[2].suffix == kDamagedSuffix && kForms[3].suffix == kFinishedSuffix);

TEST(FileNames, AreReadAsTheyAreMade) {
  const std::string stem = file_stem("my-stream_2", kStarted);
  EXPECT_EQ(stem, "my-stream_2-2026-11-18T11-06-40.123Z");
  for (const Form& form : kForms) {
    const std::string name = stem + std::string(form.suffix);
    const auto parsed = parse_file_name(name);
    ASSERT_TRUE(parsed) << name;
    EXPECT_EQ(parsed->stream_id, "my-stream_2");
    EXPECT_EQ(parsed->stem, stem);
    EXPECT_EQ(parsed->started(), "2026-11-18T11:06:40.123Z");
    EXPECT_EQ(parsed->state, form.state) << name;
    EXPECT_EQ(parse_finished_name(name).has_value(), form.state == FileState::kFinished) << name;
    EXPECT_EQ(is_offered(name), form.offered) << name;
  }
}

TEST(FileNames, OfOthersAreLeftAlone) {
  for (const char* const name :
       {"", ".mp4", "a.mp4", "movie.mp4", "s1-2026-11-18T11-06-40.123Z", "s1-2026-11-18T11-06-40.123Z.mkv",
        "s1-2026-11-18T11-06-40Z.mp4", "-2026-11-18T11-06-40.123Z.mp4", "a/b-2026-11-18T11-06-40.123Z.mp4",
        "a b-2026-11-18T11-06-40.123Z.mp4", "s1-2026-11-18T11:06:40.123Z.mp4",
        "s1-2026-11-18T11-06-4x.123Z.mp4", ".s1-2026-11-18T11-06-40.123Z.private",
        ".s1-2026-11-18T11-06-40.123Z.mp4"}) {
    EXPECT_FALSE(parse_file_name(name)) << name;
    EXPECT_FALSE(parse_finished_name(name)) << name;
  }
}

TEST(FileNames, CutShortAreNoNames) {
  for (const Form& form : kForms) {
    const std::string whole = file_stem("s1", kStarted) + std::string(form.suffix);
    for (std::size_t length = 0; length < whole.size(); ++length) {
      const std::string cut = whole.substr(0, length);
      EXPECT_FALSE(parse_file_name(cut)) << cut;
      EXPECT_FALSE(is_offered(cut)) << cut;
    }
  }
}

TEST(FileNames, OfFinishedFilesAreOfferedWhoeverMadeThem) {
  for (const char* const name : {"movie.mp4", "id-2026-11-20T21-49-15.000Z.mp4", "part.mp4"})
    EXPECT_TRUE(is_offered(name)) << name;
  for (const char* const name :
       {"", "id.part.mp4", ".mp4", ".id.mp4", "id.txt", "id.mp4.private", ".recorder"})
    EXPECT_FALSE(is_offered(name)) << name;
}

}  // namespace
}  // namespace millrace::recordings
