// The timeline of one publication: turns the encoder's 32-bit RTMP milliseconds into 64-bit decode times in
// each track's own timescale, and says where segments and discontinuities begin. Sans-IO: times are passed
// in.
//
// Rules (docs/media-log.md):
//  - RTMP time stamps are unwrapped to 64 bits. Video runs in 90 kHz ticks. Audio runs in samples: each
//    frame begins where the one before ended, so that RTMP's milliseconds do not jitter; only when the
//    encoder's clock and the sample count are further apart than kAudioTolerance does the count follow. A
//    second frame with the time of the first says that the first one's was cut off at the encoder's zero:
//    then the count begins with the second.
//  - Decode times strictly increase a track. Equal or slightly older times (up to kRepairLimit) are moved
//    behind the last one and flagged kSampleRepaired; a picture keeps its presentation time: its composition
//    offset shrinks by as much. A larger step back, or a step forward beyond
//    kGapLimit, begins a new timeline right after the old one: kSampleDiscontinuity,
//    discontinuity_sequence + 1, new wall-clock anchor.
//  - All tracks share one mapping. After a jump the first track to show it defines the new mapping, the
//    others move to it at their own jump, so that sound and picture stay together. Data never jumps and
//    never defines a mapping.
//  - A segment begins at the first key frame of the first video track at least segment_target after the
//    segment's start (any other track's samples where there is no such track, or where it has been silent for
//    longer than max_segment); a segment that has reached max_segment ends even without a key frame. A
//    discontinuity or a change of configuration always begins one.
//  - media_sequence and discontinuity_sequence continue those of the stream's last publication. Where that
//  one
//    is unknown the media sequence begins at the wall clock (started_wall_us / segment_target) and the
//    discontinuity sequence at 256 times the epoch, so they never step back. The latter must stay small:
//    hls.js keeps arrays indexed by it and walks them.
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
  std::uint64_t epoch = 0;  // of the publication
};

class Timeline {
 public:
  static constexpr std::int64_t kAudioToleranceMs = 60;
  static constexpr std::int64_t kRepairLimitMs = 500;
  static constexpr std::int64_t kGapLimitMs = 10'000;
  static constexpr std::uint32_t kVideoTimescale = 90'000;

  explicit Timeline(const TimelineConfig& config);

  // A track's configuration took effect (first or changed): its next sample begins a discontinuity if the
  // track had samples before, or if the log's first segment is over by then (a track that appears late: the
  // number of tracks of a timeline is constant, RFC 8216 4.3.2.3). samples_per_frame: 1024 for AAC-LC; 0 for
  // video and data.
  void configure(std::uint8_t track, TrackKind kind, std::uint32_t timescale,
                 std::uint32_t samples_per_frame);

  struct Input {
    std::uint8_t track = 0;
    std::uint32_t timestamp_ms = 0;  // as received, 32 bits
    std::int32_t composition_offset_ms = 0;
    bool key = false;
    std::int64_t arrival_us = 0;
    std::int64_t wall_us = 0;
    // Audio: samples that this frame lasts; 0: as configured.
    std::uint32_t samples = 0;
    // Video: to be added to the time stamp, less than a millisecond (Enhanced RTMP's TimestampOffsetNano).
    // Players are told milliseconds as ever.
    std::uint32_t nanoseconds = 0;
  };
  // Fills the time, segment and flag fields of a record (not configuration, place or size).
  SampleRecord place(const Input& input);

  // Longest finished segment so far, including the continuation's.
  std::uint32_t max_segment_ms() const { return longest_segment_ms_; }
  std::uint64_t jumps() const { return jumps_; }

 private:
  // What is known about one track. Times in milliseconds are on the repaired timeline.
  struct TrackState {
    TrackKind kind = TrackKind::kData;
    std::uint32_t timescale = 1000;
    std::uint32_t samples_per_frame = 0;
    bool configured = false;
    bool placed = false;              // had a sample in this publication
    bool began = false;               // its last sample was the first, or the first after a jump
    bool restarts = false;            // configured anew since its last sample
    std::uint32_t last_raw_ms = 0;    // anchor of the track's own mapping, slides with every sample
    std::int64_t last_mapped_ms = 0;  // what last_raw_ms was mapped to, before repair
    std::int64_t last_ms = 0;         // as placed
    std::int64_t step_ms = 0;         // between the last two samples: how long the last one probably is
    std::int64_t last_dts = 0;        // in timescale units
    std::int64_t next_dts = 0;        // audio: where the last frame ended
    std::uint64_t mapping = 0;        // which common mapping it is on
  };
  struct Placed {
    std::int64_t ms = 0;
    bool repaired = false;
    bool jumped = false;
    std::int64_t moved_ms = 0;  // by the repair
  };

  Placed place_media(TrackState& track, std::uint32_t raw_ms);
  Placed place_data(const TrackState& track, std::uint32_t raw_ms) const;
  std::int64_t common_ms(std::uint32_t raw_ms) const;
  void slide(TrackState& track, std::uint32_t raw_ms, std::int64_t mapped_ms);
  std::int64_t begin_mapping();
  std::int64_t decode_time(TrackState& track, const Input& input, Placed& placed) const;
  bool begins_segment(const Input& input, std::int64_t ms) const;
  bool breaks(const TrackState& track, bool jumped);
  void begin_segment(std::int64_t ms, bool discontinuity);
  bool has_video() const;

  std::uint32_t segment_target_ms_;
  std::uint32_t max_segment_limit_ms_;
  bool continues_;  // an earlier publication's: the first record is a discontinuity
  std::uint64_t media_sequence_;
  std::uint32_t discontinuity_sequence_;

  std::array<TrackState, kMaxTracks> tracks_{};
  // The mapping that every track is on or will move to after its own jump, so that sound and picture stay
  // together.
  std::uint64_t mapping_ = 0;
  std::uint32_t mapping_raw_ms_ = 0;
  std::int64_t mapping_ms_ = 0;

  bool any_record_ = false;
  bool any_media_ = false;  // audio or video was placed
  bool first_segment_ = true;
  std::int64_t first_ms_ = 0;
  std::int64_t newest_ms_ = 0;
  std::int64_t segment_start_ms_ = 0;
  std::int64_t wall_anchor_us_ = 0;  // CLOCK_REALTIME at timeline_anchor_us_
  std::int64_t timeline_anchor_us_ = 0;
  std::uint32_t longest_segment_ms_ = 0;
  std::uint64_t jumps_ = 0;
};

}  // namespace millrace::media
