// The timeline of one publication: turns the encoder's 32-bit RTMP milliseconds into 64-bit decode times in each
// track's own timescale, and says where segments and discontinuities begin. Sans-IO: times are passed in.
//
// Rules (docs/media-log.md):
//  - RTMP time stamps are unwrapped to 64 bits. Video runs in 90 kHz ticks. Audio runs in samples: each frame begins
//    where the one before ended, so that RTMP's milliseconds do not jitter; only when the encoder's clock and the
//    sample count are further apart than kAudioTolerance does the count follow the clock.
//  - Decode times strictly increase a track. Equal or slightly older times (up to kRepairLimit) are moved behind the
//    last one and flagged kSampleRepaired; a larger step back, or a step forward beyond kGapLimit, begins a new
//    timeline right after the old one: kSampleDiscontinuity, discontinuity_sequence + 1, new wall-clock anchor.
//  - A segment begins at the first key frame of video at least segment_target after the segment's start (audio frames
//    where there is no video, or where video has been silent for longer than max_segment); a segment that has reached
//    max_segment ends even without a key frame. A discontinuity or configuration change always begins one.
//  - media_sequence and discontinuity_sequence continue those of the stream's last publication; where that one is
//    unknown they begin at the wall clock (started_wall_us / segment_target, and seconds), so they never step back.
#pragma once

#include <array>
#include <cstdint>

#include "media/arena_writer.hpp"
#include "media/sample.hpp"

namespace millrace::media {

struct TimelineConfig {
  std::int64_t started_wall_us = 0;
  std::uint32_t segment_target_ms = 2000;
  std::uint32_t max_segment_ms = 12'000;
  StreamContinuation continuation;
};

class Timeline {
 public:
  static constexpr std::int64_t kAudioToleranceMs = 60;
  static constexpr std::int64_t kRepairLimitMs = 500;
  static constexpr std::int64_t kGapLimitMs = 10'000;
  static constexpr std::uint32_t kVideoTimescale = 90'000;

  explicit Timeline(const TimelineConfig& config);

  // A track's configuration took effect (first or changed): its next sample begins a discontinuity if the track had
  // samples before, or if the log's first segment is over by then (a track that appears late: the number of tracks of a
  // timeline is constant, RFC 8216 4.3.2.3). samples_per_frame: 1024 for AAC-LC; 0 for video and data.
  void configure(std::uint8_t track, TrackKind kind, std::uint32_t timescale, std::uint32_t samples_per_frame);

  struct Input {
    std::uint8_t track = 0;
    std::uint32_t timestamp_ms = 0;  // as received, 32 bits
    std::int32_t composition_offset_ms = 0;
    bool key = false;
    std::int64_t arrival_us = 0;
    std::int64_t wall_us = 0;
  };
  // Fills the time, segment and flag fields of a record (not configuration, place or size).
  SampleRecord place(const Input& input);

  // Longest finished segment so far, including the continuation's.
  std::uint32_t max_segment_ms() const { return longest_segment_ms_; }
  std::uint64_t jumps() const { return jumps_; }

 private:
  // The author of timeline.cpp completes this.
  std::uint32_t longest_segment_ms_ = 0;
  std::uint64_t jumps_ = 0;
};

}  // namespace millrace::media
