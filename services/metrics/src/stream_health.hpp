// How well a live stream is doing: a score of 0 to 100, why it is not 100, and how it was lately. Ingest's
// counters in, once a second each; points out of the score. No clock, no bus. docs/metrics.md has the table
// for users.
//
//   counters ─> what each second was (of the last minute) ─> windows of 5 to 60 s ─> points ─> score, history
//
// Owner: the aggregation; one at a time.
#pragma once

#include <cstdint>
#include <deque>
#include <string_view>
#include <vector>

#include "base/wall_time.hpp"

namespace millrace::metrics {

// Bits of a set; their names are what users see.
enum class HealthReason : std::uint8_t {
  kNoStatistics,  // ingest does not report any more
  kStalled,       // nothing came for seconds
  kNoVideo,       // sound goes on, the picture stands
  kNoAudio,       // the other way round
  kPauses,        // again and again nothing came for a second or more
  kSlow,          // less media than time
  kLowFrameRate,  // fewer frames a second than the time stamps promise
  kUnsteadyFrameRate,
  kLowBitrate,  // far below what was usual
  kLongKeyInterval,
  kTimestampJumps,
  kInterleaving,
  kDroppedFrames,
  kTrackRefused,  // a track is sent that can't be taken
  kCount,
};
std::vector<std::string_view> health_reasons(std::uint32_t bits);
// excellent (90 and more), good (70), degraded (50), poor.
std::string_view health_level(double score);

// As of one moment; since the publication began where nothing else is said. Media times are the timeline's.
struct HealthCounters {
  std::int64_t measured_us = 0;  // monotonic
  std::uint64_t received_bytes = 0;
  std::uint64_t video_frames = 0;
  std::uint64_t audio_frames = 0;
  std::uint64_t dropped_frames = 0;
  std::uint64_t timestamp_jumps = 0;
  std::int64_t media_time_us = 0;
  std::int64_t video_time_us = 0;
  std::int64_t longest_frame_us = 0;  // of the last pictures
  std::int64_t longest_pause_us = 0;  // wall clock, since the counters before
  double key_interval_seconds = 0;
  double interleaving_seconds = 0;
  std::uint32_t refused_tracks = 0;  // now
};

struct HealthTracks {
  bool video = false;
  bool audio = false;
};

struct HealthPoint {
  WallTime wall{};
  double score = 100;
  std::uint32_t reasons = 0;
};

class StreamHealth {
 public:
  static constexpr std::uint32_t kIntervalSeconds = 5;  // of a point of the history
  static constexpr std::size_t kMaxPoints = 120;        // older ones go

  // Counters that are not newer than those before are passed over.
  void measure(const HealthCounters& counters);
  // Once a second; updates score and history. now_us: monotonic.
  void judge(std::int64_t now_us, HealthTracks tracks, WallTime wall);

  double score() const { return now_.score; }
  std::uint32_t reasons() const { return now_.reasons; }
  // Oldest first; a point has the worst score and all reasons of its interval.
  const std::deque<HealthPoint>& history() const { return history_; }

 private:
  // What came in about a second, or in several of them added up.
  struct Second {
    std::int64_t end_us = 0;
    std::int64_t length_us = 0;
    std::uint64_t bytes = 0;
    std::uint64_t frames = 0;
    std::uint64_t dropped = 0;
    std::uint64_t jumps = 0;
    std::int64_t media_us = 0;
    std::int64_t video_us = 0;
    std::int64_t pause_us = 0;  // the longest
    int seconds = 0;
    int paused = 0;  // seconds with a long pause
  };

  void close_second(const HealthCounters& counters);
  // The newest seconds up to so long (and, for rare frames, with so many of them), without the first of the
  // publication.
  Second last(std::int64_t length_us, std::uint64_t least_frames = 0) const;
  std::int64_t frame_us() const;
  bool is_long_pause(std::int64_t pause_us) const;

  void take(double points, HealthReason reason);
  void judge_arrival(std::int64_t now_us, HealthTracks tracks);
  void judge_media(HealthTracks tracks);
  void judge_pace(HealthTracks tracks);
  void judge_frame_rate();
  void judge_bitrate();
  void record(WallTime wall);

  HealthPoint now_;
  std::deque<HealthPoint> history_;
  std::int64_t judged_us_ = -1;  // first
  std::int64_t began_us_ = -1;   // first counters
  std::int64_t video_us_ = 0;    // when a frame of it came last
  std::int64_t audio_us_ = 0;
  bool has_audio_ = false;
  HealthCounters newest_;
  HealthCounters base_;  // of the second that is not over
  std::int64_t pause_us_ = 0;
  std::deque<Second> seconds_;  // of the last minute
};

}  // namespace millrace::metrics
