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
constexpr WallTime kWall = WallTime::from_seconds(1'700'000'000);
constexpr HealthTracks kBoth{.video = true, .audio = true};

// A good stream: 30 fps, 300 kB/s, a key frame every 2 s.
HealthCounters good(int second) {
  const auto seconds = static_cast<std::uint64_t>(second);
  return {.measured_us = kStart + second * kSecond,
          .received_bytes = seconds * 300'000,
          .video_frames = seconds * 30,
          .audio_frames = seconds * 47,
          .media_time_us = second * kSecond,
          .video_time_us = second * kSecond,
          .longest_frame_us = 34'000,
          .longest_pause_us = 30'000,
          .key_interval_seconds = 2};
}

using Change = std::function<void(HealthCounters&, int second)>;

StreamHealth after(const Change& change, int seconds = 60) {
  StreamHealth health;
  for (int second = 1; second <= seconds; ++second) {
    HealthCounters counters = good(second);
    change(counters, second);
    health.measure(counters);
    health.judge(kStart + second * kSecond, kBoth, kWall + second * kSecond);
  }
  return health;
}

struct Row {
  const char* what;
  Change change;
  double score;
  std::vector<std::string_view> reasons;
};

// The milder rows; what is bad is in health_verdicts_test.cpp.
TEST(StreamHealth, TakesPointsForWhatIsWrongAndSaysIt) {
  const Row rows[] = {
      {"good", [](HealthCounters&, int) {}, 100, {}},
      {"a tenth slower than time",
       [](HealthCounters& c, int second) { c.media_time_us = c.video_time_us = second * kSecond * 9 / 10; },
       85,
       {"slower_than_real_time"}},
      {"a 30th slower is nothing",
       [](HealthCounters& c, int second) { c.media_time_us = c.video_time_us = second * kSecond * 29 / 30; },
       100,
       {}},
      {"the picture 1.2 s late, once",
       [](HealthCounters& c, int second) { c.video_time_us -= second >= 58 ? 1200 * 1000 : 0; },
       75,
       {"low_frame_rate", "unsteady_frame_rate"}},
      {"three pauses of a second",
       [](HealthCounters& c, int second) {
         c.longest_pause_us = second > 40 && second % 7 == 0 ? kSecond : 0;
       },
       85,
       {"pauses"}},
      {"two are nothing",
       [](HealthCounters& c, int second) {
         c.longest_pause_us = second > 40 && second % 10 == 0 ? kSecond : 0;
       },
       100,
       {}},
      {"a quarter of the usual bit rate",
       [](HealthCounters& c, int second) {
         c.received_bytes -= second > 50 ? static_cast<std::uint64_t>(second - 50) * 230'000 : 0;
       },
       85,
       {"low_bitrate"}},
      {"next to nothing",
       [](HealthCounters& c, int second) {
         c.received_bytes -= second > 50 ? static_cast<std::uint64_t>(second - 50) * 290'000 : 0;
       },
       75,
       {"low_bitrate"}},
      {"a key frame every 5 s",
       [](HealthCounters& c, int) { c.key_interval_seconds = 5; },
       90,
       {"long_key_interval"}},
      {"every 10 s", [](HealthCounters& c, int) { c.key_interval_seconds = 10; }, 70, {"long_key_interval"}},
      {"sound 200 ms behind",
       [](HealthCounters& c, int) { c.interleaving_seconds = -0.2; },
       90,
       {"interleaving"}},
      {"a second ahead", [](HealthCounters& c, int) { c.interleaving_seconds = 1; }, 75, {"interleaving"}},
      {"a jump in the last minute",
       [](HealthCounters& c, int second) { c.timestamp_jumps = second > 30 ? 1 : 0; },
       90,
       {"timestamp_jumps"}},
      {"three of them",
       [](HealthCounters& c, int second) { c.timestamp_jumps = second > 30 ? 3 : 0; },
       75,
       {"timestamp_jumps"}},
      {"one frame in 60 missing",
       [](HealthCounters& c, int second) { c.dropped_frames = static_cast<std::uint64_t>(second) / 2; },
       90,
       {"dropped_frames"}},
      {"one in 17",
       [](HealthCounters& c, int second) { c.dropped_frames = static_cast<std::uint64_t>(second) * 2; },
       75,
       {"dropped_frames"}},
      {"a track that can't be taken",
       [](HealthCounters& c, int) { c.refused_tracks = 1; },
       70,
       {"track_refused"}},
      {"one that could not be taken at first",
       [](HealthCounters& c, int second) { c.refused_tracks = second < 30 ? 1 : 0; },
       100,
       {}},
      {"no picture for 3 s",
       [](HealthCounters& c, int second) {
         if (second >= 57) c.video_frames = 56 * 30;
       },
       70,
       {"no_video"}},
      {"nothing for 3 s",
       [](HealthCounters& c, int second) {
         if (second >= 57) c.video_frames = 56 * 30, c.audio_frames = 56 * 47;
       },
       70,
       {"stalled"}},
  };
  for (const Row& row : rows) {
    const StreamHealth health = after(row.change);
    EXPECT_DOUBLE_EQ(health.score(), row.score) << row.what;
    EXPECT_EQ(health_reasons(health.reasons()), row.reasons) << row.what;
  }
}

TEST(StreamHealth, DoesNotJudgeThePaceOfTheFirstSeconds) {
  const Change slow = [](HealthCounters& c, int second) {
    c.media_time_us = c.video_time_us = second * kSecond / 2;
  };
  EXPECT_EQ(after(slow, 8).score(), 100);
  EXPECT_LT(after(slow, 18).score(), 50);
}

TEST(StreamHealth, SaysThatIngestNeverToldAnything) {
  StreamHealth health;
  for (int second = 0; second < 5; ++second) health.judge(kStart + second * kSecond, kBoth, kWall);
  EXPECT_EQ(health.score(), 100);
  health.judge(kStart + 5 * kSecond, kBoth, kWall);
  EXPECT_THAT(health_reasons(health.reasons()), ElementsAre("no_statistics"));
}

// Events get lost, come twice, or close together when a publication's state changes.
TEST(StreamHealth, TakesStatisticsAsTheyCome) {
  StreamHealth health;
  for (int second = 1; second <= 60; ++second) {
    if (second % 13 == 0) continue;
    HealthCounters counters = good(second);
    health.measure(counters);
    health.measure(counters);
    counters.measured_us -= 10 * kSecond;
    counters.video_frames = 0;
    health.measure(counters);
    counters = good(second);
    counters.measured_us += 20'000;
    health.measure(counters);
    health.judge(kStart + second * kSecond + 30'000, kBoth, kWall + second * kSecond);
    EXPECT_EQ(health.score(), 100) << second;
  }
}

TEST(StreamHealth, KeepsTheWorstOfEachFiveSecondsForTenMinutes) {
  const Change change = [](HealthCounters& c, int second) { c.key_interval_seconds = second == 21 ? 12 : 2; };
  const StreamHealth health = after(change);
  EXPECT_EQ(health.score(), 100);
  ASSERT_EQ(health.history().size(), 12u);
  for (std::size_t i = 0; i < health.history().size(); ++i) {
    EXPECT_EQ(health.history()[i].score, i == 4 ? 70 : 100) << i;
    EXPECT_EQ(health.history()[i].wall, kWall + (1 + 5 * static_cast<std::int64_t>(i)) * kSecond);
  }
  EXPECT_THAT(health_reasons(health.history()[4].reasons), ElementsAre("long_key_interval"));
  EXPECT_EQ(after(change, 3000).history().size(), StreamHealth::kMaxPoints);
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
