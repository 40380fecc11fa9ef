// The timeline of one publication: turns the encoder's 32-bit RTMP milliseconds into 64-bit decode times in
// each track's own timescale, and says where segments and discontinuities begin. Sans-IO: times are passed
// in.
//
// Rules (docs/media-log.md):
//  - RTMP time stamps are unwrapped to 64 bits. Video runs in 90 kHz ticks. Audio runs in samples: each
//    frame begins where the one before ended, so that RTMP's milliseconds do not jitter; only when the
//    encoder's clock and the sample count are further apart than kAudioTolerance does the count follow.
//    Frames that come in bursts with one stamp are ahead of it up to kBurst, and keep their even times if the
//    next burst's stamp finds them right. A second frame with the time of the first says that the first one's
//    was cut off at the encoder's zero: then the count begins with the second.
//  - Decode times strictly increase per track. Equal or slightly older times (up to kRepairLimit) are moved
//    behind the last one and flagged kSampleRepaired; a picture keeps its presentation time: its composition
//    offset shrinks by as much. A larger step back, or a step forward beyond kGapLimit, begins a new timeline
//    right after the old one: kSampleDiscontinuity, discontinuity_sequence + 1, new wall-clock anchor.
//  - All tracks share one mapping. A track that paused for longer than kGapLimit while others went on has not
//    jumped: by the common clock it is where it should be. After a jump the first track to show it defines
//    the new mapping; the others move to it as soon as their own clock is not even, so that sound and picture
//    stay together. Data never jumps and never defines a mapping.
//  - segment_rule.hpp says where segments begin. A discontinuity always begins one, and so does a track's
//    changed configuration; but each track at most once in half a segment target. An encoder that goes to and
//    fro faster (a configuration a frame) does not cut the stream into frames: what changes sooner is there
//    with the next segment, a discontinuity too; sound earlier, when that time is over, and a picture with
//    its next key frame then. Samples in between are of another configuration than their segment began with.
//  - part_rule.hpp says which part of its track a sample of sound or picture is in. How long parts may be is
//    fixed with the target duration, from the frames so far (part_target.hpp): a new stream's first segment
//    has no parts.
//  - The wall clock of the samples is the encoder's clock, anchored at each discontinuity at the server's,
//    which must not step: the caller sees to that (publication::Writer). An encoder that begins with a
//    backlog is late with the sample that it is anchored at: with the timeline's second segment the anchor
//    moves to the promptest one of the first, at most by that one's length. From then on, where the encoder's
//    clock runs fast or slow, the anchor follows at segments only and by no more than half a per cent of
//    their length.
//  - media_sequence and discontinuity_sequence go on from what the log was given (StreamContinuation). The
//    latter must stay small: hls.js keeps arrays indexed by it and walks them.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "base/wall_time.hpp"
#include "media/log.hpp"
#include "media/part_rule.hpp"
#include "media/part_target.hpp"
#include "media/sample.hpp"
#include "media/segment_rule.hpp"

namespace millrace::media {

struct TimelineConfig {
  StreamContinuation continuation;      // LogWriter::continuation
  std::uint32_t longest_target_s = 12;  // that the target duration is fixed to, where no log has fixed it
  std::uint32_t wanted_part_us = 0;     // of the parts, where no log has fixed the targets; 0: none
};

class Timeline {
 public:
  static constexpr std::int64_t kAudioToleranceMs = 60;
  static constexpr std::int64_t kBurstMs = 500;
  static constexpr std::int64_t kRepairLimitMs = 500;
  static constexpr std::int64_t kGapLimitMs = 10'000;
  static constexpr std::uint32_t kVideoTimescale = 90'000;

  explicit Timeline(const TimelineConfig& config);

  // A track's configuration took effect (first or changed): its next sample begins a discontinuity if the
  // track had samples before (later where that happened lately, as above), or if the log's first segment is
  // over by then (a track that appears late: the number of tracks of a timeline is constant, RFC
  // 8216 4.3.2.3). samples_per_frame: 1024 for AAC-LC; 0 for video and data.
  void configure(std::uint8_t track, TrackKind kind, std::uint32_t timescale,
                 std::uint32_t samples_per_frame);
  // The same, with the configuration that the track's last sample had: no other one came to have a sample, so
  // nothing has changed.
  void configure_as_before(std::uint8_t track, TrackKind kind, std::uint32_t timescale,
                           std::uint32_t samples_per_frame);

  struct Input {
    std::uint8_t track = 0;
    std::uint32_t timestamp_ms = 0;  // as received, 32 bits
    std::int32_t composition_offset_ms = 0;
    bool key = false;
    std::int64_t arrival_us = 0;
    WallTime wall;
    // Audio: samples that this frame lasts; 0: as configured.
    std::uint32_t samples = 0;
    // Video: to be added to the time stamp, less than a millisecond (Enhanced RTMP's TimestampOffsetNano).
    // Players get milliseconds as ever.
    std::uint32_t nanoseconds = 0;
    bool recovery = false;  // with key: kSampleRecovery
    bool refresh = false;   // with recovery: kSampleRefresh
  };
  // Fills the time, segment, part and flag fields of a record (not configuration, place or size). Data is in
  // no part.
  SampleRecord place(const Input& input);

  // There will be no more samples.
  void finish();

  // Of the stream's playlists; 0 until it is fixed, with the second segment's first sample at the latest.
  std::uint32_t target_duration_s() const { return rule_.target_duration_s(); }
  // Fixed at the same moment; 0: no parts, or not fixed yet.
  std::uint32_t part_target_us() const { return parts_.target_us(); }
  // As PartRule has it.
  std::uint64_t closed_parts() const { return parts_.closed(); }
  std::uint64_t jumps() const { return jumps_; }

 private:
  // Of a track with its last sample, while it has another configuration and no sample of that.
  struct LastSample {
    std::uint32_t timescale = 1000;
    std::int64_t last_dts = 0;
    std::int64_t next_dts = 0;
    bool restarts = false;
    bool restart_announced = false;
  };
  // What is known about one track. Times in milliseconds are on the repaired timeline.
  struct TrackState {
    TrackKind kind = TrackKind::kData;
    std::uint32_t timescale = 1000;
    std::uint32_t samples_per_frame = 0;
    bool configured = false;
    bool placed = false;                       // had a sample in this publication
    bool began = false;                        // its last sample was the first, or the first after a jump
    bool restarts = false;                     // configured again, and no segment has begun for that yet
    bool restart_waits = false;                // samples have come since, too soon for one
    bool restart_announced = false;            // a segment has begun for it, before any sample of it
    bool restart_covered = false;              // and that segment is still open
    std::optional<std::int64_t> restarted_us;  // when the last such segment began
    std::uint32_t last_raw_ms = 0;             // anchor of the track's own mapping, slides with every sample
    std::int64_t last_mapped_ms = 0;           // what last_raw_ms was mapped to, before repair
    std::int64_t last_ms = 0;                  // as placed
    std::int64_t step_ms = 0;         // between the last two samples: how long the last one probably is
    std::int64_t last_dts = 0;        // in timescale units
    std::int64_t next_dts = 0;        // audio: where the last frame ended
    bool ahead = false;               // audio: more than the tolerance ahead of the clock
    std::int64_t ahead_since_ms = 0;  // on the clock
    std::uint64_t mapping = 0;        // which common mapping it is on
    std::optional<LastSample> last_sample;
  };
  struct Placed {
    std::int64_t ms = 0;
    bool repaired = false;
    bool jumped = false;
    std::int64_t moved_ms = 0;  // by the repair
  };

  struct Beginning {
    bool segment = false;
    bool discontinuity = false;
  };

  Beginning begin_or_go_on(TrackState& track, const Input& input, std::int64_t time_us, bool jumped);
  Placed place_media(TrackState& track, std::uint32_t raw_ms);
  Placed place_data(const TrackState& track, std::uint32_t raw_ms) const;
  std::int64_t common_ms(std::uint32_t raw_ms) const;
  bool fits(const TrackState& track, std::int64_t mapped_ms) const;
  bool moves(const TrackState& track, std::int64_t own_ms, std::int64_t common) const;
  void slide(TrackState& track, std::uint32_t raw_ms, std::int64_t mapped_ms);
  std::int64_t begin_mapping();
  static std::int64_t counted_time(TrackState& track, std::int64_t clock, Placed& placed);
  static std::int64_t decode_time(TrackState& track, const Input& input, Placed& placed);
  bool may_restart(TrackState& track, bool key, std::int64_t time_us) const;
  bool any_restarts() const;
  void take_restarts(const TrackState& current, std::int64_t time_us);
  void begin_segment(std::int64_t time_us, bool discontinuity);
  std::uint32_t part_of(const TrackState& track, const SampleRecord& record, std::int64_t time_us,
                        bool jumped);
  void fix_part_target(std::int64_t now_us);
  WallTime presented_wall(const Input& input, std::int64_t time_us, bool anchors, bool media);
  void follow_wall_clock(std::int64_t length_us);

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
  std::int64_t newest_ms_ = 0;
  SegmentRule rule_;
  bool part_target_fixed_;  // with the target duration, perhaps to 0
  PartWish part_wish_;
  FirstFrames first_frames_;  // until it is fixed
  PartRule parts_;
  std::int64_t restart_every_us_;  // a track's changes of configuration begin segments at most
  std::int64_t segment_start_us_ = 0;
  WallTime wall_anchor_;  // CLOCK_REALTIME at timeline_anchor_us_
  std::int64_t timeline_anchor_us_ = 0;
  bool anchored_ = false;  // in this segment
  // How much later than its wall clock says a sample of this segment came, the least of all; none yet.
  std::optional<std::int64_t> wall_is_late_us_;
  std::uint64_t jumps_ = 0;
};

}  // namespace millrace::media
