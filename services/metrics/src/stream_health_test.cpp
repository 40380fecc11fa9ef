#include "stream_health.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

namespace millrace::metrics {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr std::int64_t kSecond = 1'000'000;
constexpr std::int64_t kStart = 1000 * kSecond;
constexpr std::int64_t kWall = 1'700'000'000 * kSecond;

// A good stream: 30 fps, 300 kB/s, a key frame every 2 s.
HealthSample good(int second) {
  const auto frames = static_cast<std::uint64_t>(second) * 30;
  return {.now_us = kStart + second * kSecond,
          .measured_us = kStart + second * kSecond,
          .has_video = true,
          .has_audio = true,
          .video_frames = frames,
          .audio_frames = frames,
          .frames_per_second = 30,
          .nominal_frames_per_second = 30,
          .bytes_per_second = 300'000,
          .key_interval_seconds = 2};
}

struct Row {
  const char* what;
  std::function<void(HealthSample&, int second)> change;
  double score;
  std::vector<std::string_view> reasons;
};

StreamHealth after(const Row& row, int seconds = 60) {
  StreamHealth health;
  for (int second = 1; second <= seconds; ++second) {
    HealthSample sample = good(second);
    row.change(sample, second);
    health.add(sample, kWall + second * kSecond);
  }
  return health;
}

// From the second on a counter stands still.
std::uint64_t still(std::uint64_t value, int second, int since) {
  return second < since ? value : static_cast<std::uint64_t>(since) * 30;
}

TEST(StreamHealth, TakesPointsForWhatIsWrongAndSaysIt) {
  const Row rows[] = {
      {"good", [](HealthSample&, int) {}, 100, {}},
      {"sound alone",
       [](HealthSample& s, int) {
         s.has_video = false;
         s.video_frames = 0;
         s.frames_per_second = s.nominal_frames_per_second = s.key_interval_seconds = 0;
       },
       100,
       {}},
      {"a tenth of the frames late",
       [](HealthSample& s, int) { s.frames_per_second = 26.9; },
       85,
       {"low_frame_rate"}},
      {"half of them", [](HealthSample& s, int) { s.frames_per_second = 15; }, 70, {"low_frame_rate"}},
      {"a little slower is nothing", [](HealthSample& s, int) { s.frames_per_second = 27.5; }, 100, {}},
      {"swings",
       [](HealthSample& s, int second) { s.frames_per_second = second % 2 == 0 ? 38 : 20; },
       90,
       {"unsteady_frame_rate"}},
      {"swings wildly",
       [](HealthSample& s, int second) { s.frames_per_second = second % 2 == 0 ? 60 : 29; },
       80,
       {"unsteady_frame_rate"}},
      {"a quarter of the usual bit rate",
       [](HealthSample& s, int second) { s.bytes_per_second = second > 50 ? 70'000 : 300'000; },
       85,
       {"low_bitrate"}},
      {"next to nothing",
       [](HealthSample& s, int second) { s.bytes_per_second = second > 50 ? 10'000 : 300'000; },
       75,
       {"low_bitrate"}},
      {"half of it is a quiet scene",
       [](HealthSample& s, int second) { s.bytes_per_second = second > 50 ? 150'000 : 300'000; },
       100,
       {}},
      {"a key frame every 4 s",
       [](HealthSample& s, int) { s.key_interval_seconds = 4; },
       90,
       {"long_key_interval"}},
      {"every 10 s", [](HealthSample& s, int) { s.key_interval_seconds = 10; }, 75, {"long_key_interval"}},
      {"sound 200 ms behind",
       [](HealthSample& s, int) { s.drift_seconds = -0.2; },
       90,
       {"audio_video_drift"}},
      {"sound a second ahead", [](HealthSample& s, int) { s.drift_seconds = 1; }, 75, {"audio_video_drift"}},
      {"a drift needs both", [](HealthSample& s, int) { s.drift_seconds = 5, s.has_audio = false; }, 100, {}},
      {"a jump in the last minute",
       [](HealthSample& s, int second) { s.timestamp_jumps = second > 30 ? 1 : 0; },
       90,
       {"timestamp_jumps"}},
      {"many jumps",
       [](HealthSample& s, int second) { s.timestamp_jumps = static_cast<std::uint64_t>(second) / 10; },
       75,
       {"timestamp_jumps"}},
      {"one frame in 60 left out",
       [](HealthSample& s, int second) { s.dropped_frames = static_cast<std::uint64_t>(second) / 2; },
       90,
       {"dropped_frames"}},
      {"one in ten",
       [](HealthSample& s, int second) { s.dropped_frames = static_cast<std::uint64_t>(second) * 3; },
       75,
       {"dropped_frames"}},
      {"the picture stands for 3 s",
       [](HealthSample& s, int second) { s.video_frames = still(s.video_frames, second, 57); },
       70,
       {"no_video"}},
      {"all stands for 3 s",
       [](HealthSample& s, int second) {
         s.video_frames = s.audio_frames = still(s.video_frames, second, 57);
       },
       70,
       {"stalled"}},
      {"all stands for 10 s",
       [](HealthSample& s, int second) {
         s.video_frames = s.audio_frames = still(s.video_frames, second, 50);
       },
       40,
       {"stalled"}},
      {"ingest is silent",
       [](HealthSample& s, int second) {
         s.measured_us = std::min(s.measured_us, kStart + 55 * kSecond), (void)second;
       },
       50,
       {"no_statistics"}},
      {"much at once",
       [](HealthSample& s, int) {
         s.frames_per_second = 15, s.key_interval_seconds = 12, s.drift_seconds = 2;
       },
       20,
       {"low_frame_rate", "long_key_interval", "audio_video_drift"}},
  };
  for (const Row& row : rows) {
    const StreamHealth health = after(row);
    EXPECT_DOUBLE_EQ(health.score(), row.score) << row.what;
    EXPECT_EQ(health_reasons(health.reasons()), row.reasons) << row.what;
  }
}

TEST(StreamHealth, DoesNotJudgeTheFrameRateOfTheFirstSeconds) {
  const Row slow{"", [](HealthSample& s, int) { s.frames_per_second = 3; }, 0, {}};
  EXPECT_EQ(after(slow, 5).score(), 100);
  EXPECT_EQ(after(slow, 15).score(), 70);
}

TEST(StreamHealth, KeepsTheWorstOfEachFiveSecondsForTenMinutes) {
  const Row row{
      "", [](HealthSample& s, int second) { s.key_interval_seconds = second == 21 ? 12 : 2; }, 0, {}};
  const StreamHealth health = after(row);
  EXPECT_EQ(health.score(), 100);
  ASSERT_EQ(health.history().size(), 12u);
  for (std::size_t i = 0; i < health.history().size(); ++i) {
    EXPECT_EQ(health.history()[i].score, i == 4 ? 75 : 100) << i;
    EXPECT_EQ(health.history()[i].wall_us, kWall + (1 + 5 * static_cast<std::int64_t>(i)) * kSecond);
  }
  EXPECT_THAT(health_reasons(health.history()[4].reasons), ElementsAre("long_key_interval"));
  EXPECT_EQ(after(row, 3000).history().size(), StreamHealth::kMaxPoints);
}

TEST(StreamHealth, NamesLevels) {
  EXPECT_EQ(health_level(100), "excellent");
  EXPECT_EQ(health_level(90), "excellent");
  EXPECT_EQ(health_level(89.9), "good");
  EXPECT_EQ(health_level(70), "good");
  EXPECT_EQ(health_level(50), "degraded");
  EXPECT_EQ(health_level(49), "poor");
  EXPECT_THAT(health_reasons(0), IsEmpty());
}

}  // namespace
}  // namespace millrace::metrics
