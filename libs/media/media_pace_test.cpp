#include "media/media_pace.hpp"

#include <gtest/gtest.h>

#include <vector>

#include "media/pause_meter.hpp"

namespace millrace::media {
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
      {"30 fps in RTMP's milliseconds", {33, 33, 34, 33}, 8, 0, 33'250},
      {"nothing is said of less than 32 steps", {33, 33, 330}, 10, 0, 0},
      {"one of sixteen is missing",
       {33, 33, 34, 33, 33, 33, 34, 67, 33, 33, 33, 34, 33, 33, 33, 34},
       2,
       2,
       33'267},
      {"a hole of a second at 25 fps", {40, 40, 40, 1040, 40, 40, 40, 40}, 4, 4 * 25, 40'000},
      {"jitter of less than half a frame", {20, 58, 40, 42}, 8, 0, 40'000},
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

TEST(MediaPace, AveragesSoundAgainstThePictureThatComes) {
  MediaPace pace;
  for (int frame = 0; frame < 200; ++frame) pace.video(frame * 40'000, false, true);
  EXPECT_EQ(pace.interleaving_us(), 0) << "without sound";
  MediaPace ahead, behind, even, slides;
  for (int frame = 0; frame < 2000; ++frame) {
    ahead.video(frame * 40'000, false, true);
    ahead.audio(frame * 40'000 + 340'000);
    behind.video(frame * 40'000, false, true);
    behind.audio(frame * 40'000 - 260'000);
    even.audio(frame * 40'000);
    even.video(frame * 40'000, false, true);
    slides.audio(frame * 40'000);
    if (frame % 25 == 0) slides.video(frame * 40'000, false, true);
  }
  EXPECT_NEAR(static_cast<double>(ahead.interleaving_us()), 300'000, 30'000);
  EXPECT_NEAR(static_cast<double>(behind.interleaving_us()), -300'000, 30'000);
  EXPECT_NEAR(static_cast<double>(even.interleaving_us()), 0, 30'000);
  EXPECT_NEAR(static_cast<double>(slides.interleaving_us()), 0, 30'000)
      << "sound between two pictures is not ahead";
}

TEST(MediaPace, TellsTheFrameRateToAThousandthWhereStampsAreMilliseconds) {
  for (const double rate : {23.976, 24.0, 25.0, 29.97, 30.0, 50.0, 59.94, 60.0, 120.0, 144.0}) {
    MediaPace pace;
    for (int frame = 0; frame <= 320; ++frame)
      pace.video(static_cast<std::int64_t>(frame * 1000 / rate) * 1000, frame % 60 == 0, true);
    EXPECT_NEAR(1e6 / static_cast<double>(pace.frame_duration_us()), rate, rate * 0.005) << rate;
    EXPECT_EQ(pace.frame_gaps(), 0u) << rate;
  }
}

// Steps of 17, 17, 33 ms and the like are how phones and screens are captured.
TEST(MediaPace, TellsAVariableFrameRateFromMissingFrames) {
  struct Row {
    const char* what;
    std::vector<std::int64_t> steps_ms;
    double declared;
    bool holes;
  };
  std::vector<std::int64_t> swings(60, 33);
  swings.insert(swings.end(), 15, 133);
  const std::vector<std::int64_t> every_tenth = {33, 34, 33, 33, 34, 33, 33, 34, 67};
  const Row rows[] = {
      {"60 fps that are 45", {17, 17, 33}, 0, false},
      {"and say so", {17, 17, 33}, 44.8, false},
      {"60 fps that want to be 60", {17, 16, 33}, 60, true},
      {"30 fps for 2 s, 7.5 fps for 2 s", swings, 0, false},
      {"every tenth is missing", every_tenth, 0, true},
      {"of 30 that were declared", every_tenth, 30, true},
      {"of a file whose average was declared", every_tenth, 26.9, false},
      {"film in pairs of 3:2", {50, 33}, 0, false},
  };
  for (const Row& row : rows) {
    MediaPace pace;
    pace.declare(row.declared);
    std::int64_t time_us = 0;
    pace.video(time_us, true, true);
    for (int round = 0; round < 40; ++round) {
      for (const std::int64_t step : row.steps_ms) pace.video(time_us += step * 1000, false, true);
    }
    EXPECT_EQ(pace.frame_gaps() > 0, row.holes) << row.what << ": " << pace.frame_gaps();
  }
}

TEST(MediaPace, TellsTheLongestStepAndThePicturesOwnTime) {
  MediaPace pace = after({40, 40, 40, 400}, 2);
  EXPECT_EQ(pace.longest_frame_us(), 400'000u);
  EXPECT_EQ(pace.video_time_us(), 1'040'000u);
  pace.audio(9'000'000);
  EXPECT_EQ(pace.video_time_us(), 1'040'000u);
  EXPECT_EQ(pace.media_time_us(), 4'000'000u);
  std::int64_t time_us = 6'040'000;
  for (int frame = 0; frame < 64; ++frame) pace.video(time_us += 40'000, false, true);
  EXPECT_EQ(pace.longest_frame_us(), 40'000u) << "the one of before is forgotten";
}

TEST(PauseMeter, TellsTheLongestSinceItWasAskedAndOneThatGoesOn) {
  PauseMeter meter;
  EXPECT_EQ(meter.take(5'000'000), 0u) << "nothing has come yet";
  for (const std::int64_t ms : {1000, 1040, 1540, 1580}) meter.arrived(ms * 1000);
  EXPECT_EQ(meter.take(1'600'000), 500'000u);
  EXPECT_EQ(meter.take(1'700'000), 120'000u) << "goes on";
  EXPECT_EQ(meter.take(3'700'000), 2'120'000u);
  meter.arrived(4'000'000);
  meter.arrived(4'010'000);
  EXPECT_EQ(meter.take(4'020'000), 2'420'000u) << "whole when it has ended";
  EXPECT_EQ(meter.take(4'030'000), 20'000u);
}

}  // namespace
}  // namespace millrace::media
