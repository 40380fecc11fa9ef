// How well a live stream fares: a score of 0 to 100, why it is not 100, and how it was lately. Numbers of one
// second in, points out of the score; no clock, no bus. docs/metrics.md has the table for users.
//
// Owner: the aggregation; one at a time.
#pragma once

#include <cstdint>
#include <deque>
#include <string_view>
#include <vector>

#include "rate_window.hpp"

namespace millrace::metrics {

// Bits of a set; their names are what users see.
enum class HealthReason : std::uint8_t {
  kNoStatistics,  // ingest does not tell any more
  kStalled,       // nothing came for seconds
  kNoVideo,       // sound goes on, the picture stands
  kLowFrameRate,  // fewer frames a second than the time stamps promise
  kUnsteadyFrameRate,
  kLowBitrate,  // far below what was usual
  kLongKeyInterval,
  kTimestampJumps,
  kDrift,
  kDroppedFrames,
  kCount,
};
std::vector<std::string_view> health_reasons(std::uint32_t bits);
// excellent (90 and more), good (70), degraded (50), poor.
std::string_view health_level(double score);

// As of one moment; counters since the publication began.
struct HealthSample {
  std::int64_t now_us = 0;       // monotonic
  std::int64_t measured_us = 0;  // when ingest counted
  bool has_video = false;
  bool has_audio = false;
  std::uint64_t video_frames = 0;
  std::uint64_t audio_frames = 0;
  std::uint64_t dropped_frames = 0;
  std::uint64_t timestamp_jumps = 0;
  double frames_per_second = 0;
  double nominal_frames_per_second = 0;  // 0: not known
  double bytes_per_second = 0;
  double key_interval_seconds = 0;
  double drift_seconds = 0;
};

struct HealthPoint {
  std::int64_t wall_us = 0;
  double score = 100;
  std::uint32_t reasons = 0;
};

class StreamHealth {
 public:
  static constexpr std::uint32_t kIntervalSeconds = 5;  // of a point of the history
  static constexpr std::size_t kMaxPoints = 120;        // older ones go

  // Once a second; updates score and history.
  void add(const HealthSample& sample, std::int64_t wall_us);
  double score() const { return now_.score; }
  std::uint32_t reasons() const { return now_.reasons; }
  // Oldest first; a point has the worst score and all reasons of its interval.
  const std::deque<HealthPoint>& history() const { return history_; }

 private:
  struct Second {
    std::int64_t time_us = 0;
    double frames = 0;  // a second
    double bytes = 0;
  };
  void remember(const HealthSample& sample);
  void judge(const HealthSample& sample);
  void take(double points, HealthReason reason);
  void judge_arrival(const HealthSample& sample);
  void judge_frame_rate(const HealthSample& sample);
  void judge_media(const HealthSample& sample);
  void judge_bitrate(const HealthSample& sample);
  void record(std::int64_t wall_us);

  HealthPoint now_;
  std::deque<HealthPoint> history_;
  std::int64_t began_us_ = -1;
  std::int64_t measured_us_ = -1;
  std::int64_t video_us_ = 0;  // when a frame of it came last
  std::int64_t media_us_ = 0;
  std::uint64_t video_frames_ = 0;
  std::uint64_t audio_frames_ = 0;
  std::deque<Second> seconds_;  // of the last minute
  RateWindow dropped_{10'000'000};
  RateWindow jumps_{60'000'000};
};

}  // namespace millrace::metrics
