#include "media_pace.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace millrace::ingest {
namespace {

// Frames of video, each so many milliseconds after the one before.
MediaPace after(const std::vector<std::int64_t>& steps_ms, int rounds = 1) {
  MediaPace pace;
  std::int64_t time_us = 5'000'000;
  pace.video(time_us, true, true);
  for (int round = 0; round < rounds; ++round) {
    for (const std::int64_t step : steps_ms) pace.video(time_us += step * 1000, false, true);
  }
  return pace;
}

TEST(MediaPace, CountsTheFramesThatWouldHaveFittedIntoHoles) {
  struct Row {
    const char* what;
    std::vector<std::int64_t> steps_ms;
    int rounds;
    std::uint64_t gaps;
    std::uint64_t duration_us;
  };
  const Row rows[] = {
      {"30 fps in RTMP's milliseconds", {33, 33, 34, 33}, 8, 0, 33'000},
      {"nothing is said of less than 32 steps", {33, 33, 330}, 10, 0, 0},
      {"one of sixteen is missing",
       {33, 33, 34, 33, 33, 33, 34, 67, 33, 33, 33, 34, 33, 33, 33, 34},
       2,
       2,
       33'000},
      {"a hole of a second at 25 fps", {40, 40, 40, 1040, 40, 40, 40, 40}, 4, 4 * 25, 40'000},
      {"jitter of less than half a frame", {20, 58, 40, 42}, 8, 0, 42'000},
      {"one frame a second", {1000}, 32, 0, 1'000'000},
  };
  for (const Row& row : rows) {
    const MediaPace pace = after(row.steps_ms, row.rounds);
    EXPECT_EQ(pace.frame_gaps(), row.gaps) << row.what;
    EXPECT_EQ(pace.frame_duration_us(), row.duration_us) << row.what;
  }
}

TEST(MediaPace, DoesNotCallAnotherFrameRateMissingFrames) {
  MediaPace pace;
  std::int64_t time_us = 0;
  for (int frame = 0; frame <= 320; ++frame) pace.video(time_us += 16'667, false, true);
  for (int frame = 0; frame < 320; ++frame) pace.video(time_us += 33'333, false, true);
  EXPECT_EQ(pace.frame_gaps(), 0u);
  EXPECT_EQ(pace.frame_duration_us(), 33'333u);
}

TEST(MediaPace, CountsNothingAcrossANewTimeline) {
  MediaPace pace;
  std::int64_t time_us = 0;
  for (int frame = 0; frame <= 64; ++frame) {
    time_us += frame == 20 ? 9'000'000 : 40'000;
    pace.video(time_us, false, frame != 20);
  }
  EXPECT_EQ(pace.frame_gaps(), 0u);
}

TEST(MediaPace, TellsKeyFramesDistanceAndHowLongThereWasNone) {
  MediaPace pace;
  for (int frame = 0; frame <= 100; ++frame) pace.video(frame * 40'000, frame == 0 || frame == 50, true);
  EXPECT_EQ(pace.key_interval_us(), 2'000'000u);
  EXPECT_EQ(pace.since_key_us(), 2'000'000u);
  EXPECT_EQ(pace.media_time_us(), 4'000'000u);
  EXPECT_EQ(after({40}, 10).key_interval_us(), 0u);
  EXPECT_EQ(MediaPace{}.since_key_us(), 0u);
}

TEST(MediaPace, AveragesSoundAgainstPicture) {
  MediaPace pace;
  for (int frame = 0; frame < 200; ++frame) pace.video(frame * 40'000, false, true);
  EXPECT_EQ(pace.drift_us(), 0) << "without sound";
  MediaPace ahead, behind, even;
  for (int frame = 0; frame < 2000; ++frame) {
    ahead.video(frame * 40'000, false, true);
    ahead.audio(frame * 40'000 + 300'000);
    behind.video(frame * 40'000, false, true);
    behind.audio(frame * 40'000 - 300'000);
    even.audio(frame * 40'000);
    even.video(frame * 40'000, false, true);
  }
  EXPECT_NEAR(static_cast<double>(ahead.drift_us()), 300'000, 30'000);
  EXPECT_NEAR(static_cast<double>(behind.drift_us()), -300'000, 30'000);
  EXPECT_NEAR(static_cast<double>(even.drift_us()), 0, 30'000);
}

}  // namespace
}  // namespace millrace::ingest
