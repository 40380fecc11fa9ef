#include "media/timeline.hpp"

#include <algorithm>
#include <cstdlib>

namespace millrace::media {

namespace {

constexpr std::int64_t kMicrosecondsPerSecond = 1'000'000;
constexpr std::int64_t kMaxFrameMs = 1000;
// A step of a track's own clock up to this is no sign of a jump.
constexpr std::int64_t kEvenStepMs = 1000;

// value * to / from without overflow for any time a stream can reach.
std::int64_t rescale(std::int64_t value, std::int64_t from, std::int64_t to) {
  return value / from * to + value % from * to / from;
}

std::int64_t audio_frame_ms(std::uint32_t samples, std::uint32_t timescale) {
  return (std::int64_t{samples} * 1000 + timescale - 1) / timescale;
}

}  // namespace

Timeline::Timeline(const TimelineConfig& config)
    : continues_(config.continuation.found),
      media_sequence_(config.continuation.last_media_sequence + 1),
      discontinuity_sequence_(config.continuation.last_discontinuity_sequence + 1),
      rule_({config.continuation.segment_target_ms, config.continuation.target_duration_s,
             config.longest_target_s}),
      part_target_fixed_(config.continuation.target_duration_s != 0),
      part_wish_{config.wanted_part_us, config.continuation.segment_target_ms * 1000},
      parts_(part_target_fixed_ ? config.continuation.part_target_us : 0),
      restart_every_us_(std::int64_t{config.continuation.segment_target_ms} * 1000 / 2) {}

void Timeline::configure(std::uint8_t track, TrackKind kind, std::uint32_t timescale,
                         std::uint32_t samples_per_frame) {
  TrackState& state = tracks_[track % kMaxTracks];
  timescale = std::max<std::uint32_t>(timescale, 1);
  if (state.placed && !state.last_sample)
    state.last_sample = {state.timescale, state.last_dts, state.next_dts, state.restarts,
                         state.restart_announced};
  if (state.placed && timescale != state.timescale) {
    state.next_dts = rescale(state.next_dts, state.timescale, timescale);
    state.last_dts = rescale(state.last_dts, state.timescale, timescale);
  }
  state.kind = kind;
  state.timescale = timescale;
  state.samples_per_frame = samples_per_frame;
  state.configured = true;
  state.restarts = state.placed;
  state.restart_announced = state.restart_covered;
}

void Timeline::configure_as_before(std::uint8_t track, TrackKind kind, std::uint32_t timescale,
                                   std::uint32_t samples_per_frame) {
  configure(track, kind, timescale, samples_per_frame);
  TrackState& state = tracks_[track % kMaxTracks];
  if (!state.last_sample) return;
  const LastSample& last = *state.last_sample;
  if (last.timescale == state.timescale) {
    state.last_dts = last.last_dts;
    state.next_dts = last.next_dts;
  }
  state.restarts = last.restarts;
  state.restart_announced = last.restart_announced;
  state.restart_covered = false;
}

SampleRecord Timeline::place(const Input& input) {
  TrackState& track = tracks_[input.track % kMaxTracks];
  const bool media = track.kind != TrackKind::kData;
  Placed placed = media ? place_media(track, input.timestamp_ms) : place_data(track, input.timestamp_ms);
  const bool first_record = !any_record_;
  const bool first_media = media && !any_media_;

  SampleRecord record{};
  record.track = input.track;
  record.dts = decode_time(track, input, placed);
  const std::int64_t time_us = rescale(record.dts, track.timescale, kMicrosecondsPerSecond);
  const bool discontinuity_first = first_record && continues_;
  const Beginning beginning = media ? begin_or_go_on(track, input, time_us, placed.jumped) : Beginning{};
  const bool segment = first_record || beginning.segment;
  const bool discontinuity = discontinuity_first || beginning.discontinuity;

  // A picture whose decode time had to be moved is shown when its encoder wanted it to be.
  const std::int64_t offset_ms =
      input.composition_offset_ms - (track.kind == TrackKind::kVideo ? placed.moved_ms : 0);
  record.composition_offset =
      media ? static_cast<std::int32_t>(rescale(offset_ms, 1000, std::int64_t{track.timescale}))
            : static_cast<std::int32_t>(static_cast<std::uint32_t>(mapping_ms_) - mapping_raw_ms_);
  record.arrival_us = input.arrival_us;
  record.origin_arrival_us = input.arrival_us;
  record.wire_timestamp_ms = static_cast<std::uint32_t>(placed.ms);
  record.media_sequence = media_sequence_;
  record.discontinuity_sequence = discontinuity_sequence_;
  record.part = media ? part_of(track, record, time_us, placed.jumped) : 0;
  record.presented_wall = presented_wall(input, time_us, first_record || discontinuity || first_media, media);
  record.flags = static_cast<std::uint16_t>(
      (input.key ? kSampleKey : 0) | (input.key && input.recovery ? kSampleRecovery : 0) |
      (input.key && input.recovery && input.refresh ? kSampleRefresh : 0) |
      (segment ? kSampleSegmentStart : 0) | (discontinuity ? kSampleDiscontinuity : 0) |
      (placed.repaired ? kSampleRepaired : 0));
  track.last_ms = placed.ms;
  track.placed = true;
  track.last_sample.reset();
  any_record_ = true;
  if (media) {
    newest_ms_ = any_media_ ? std::max(newest_ms_, placed.ms) : placed.ms;
    any_media_ = true;
  }
  return record;
}

Timeline::Beginning Timeline::begin_or_go_on(TrackState& track, const Input& input, std::int64_t time_us,
                                             bool jumped) {
  const SegmentRule::Sample sample{
      time_us, input.track == kVideoTrack, input.key,
      rescale(track.next_dts - track.last_dts, track.timescale, kMicrosecondsPerSecond), input.recovery};
  Beginning beginning;
  if (!any_media_) {
    rule_.begin_first(time_us);
    segment_start_us_ = time_us;
  } else {
    // A track that begins a little earlier than the one that came first belongs to the first segment all the
    // same.
    if (first_segment_ && !track.placed) rule_.begin_earlier(time_us);
    const SegmentRule::Cut cut = rule_.judge(sample, tracks_[kVideoTrack].configured);
    const bool tracks_changed = !track.placed && !first_segment_;
    const bool cuts = cut == SegmentRule::Cut::kCut;
    beginning.discontinuity = jumped || tracks_changed || cut == SegmentRule::Cut::kGap ||
                              may_restart(track, input.key, time_us) || (cuts && any_restarts());
    beginning.segment = beginning.discontinuity || cuts;
    if (beginning.discontinuity) take_restarts(track, time_us);
    if (beginning.segment) begin_segment(time_us, beginning.discontinuity);
  }
  rule_.add(sample);
  return beginning;
}

// Behind the segment rule: the frame that ends the first segment is the first one with a part.
std::uint32_t Timeline::part_of(const TrackState& track, const SampleRecord& record, std::int64_t time_us,
                                bool jumped) {
  PartRule::Frame frame;
  frame.track = record.track;
  frame.picture = track.kind == TrackKind::kVideo;
  frame.follows = !jumped;
  frame.timescale = track.timescale;
  frame.dts = record.dts;
  frame.duration = frame.picture ? 0 : track.next_dts - track.last_dts;
  frame.time_us = time_us;
  frame.media_sequence = media_sequence_;
  if (!part_target_fixed_)
    first_frames_.add(
        {frame.track, frame.picture, frame.follows, frame.timescale, frame.dts, frame.duration});
  fix_part_target(time_us);
  return parts_.place(frame);
}

void Timeline::fix_part_target(std::int64_t now_us) {
  if (part_target_fixed_ || rule_.target_duration_s() == 0) return;
  part_target_fixed_ = true;
  parts_.fix(first_frames_.choose(part_wish_, now_us));
}

// The date of a sample. anchors: the clock is taken again with it.
WallTime Timeline::presented_wall(const Input& input, std::int64_t time_us, bool anchors, bool media) {
  if (anchors) {
    // Never before what the old anchor would give: the wall clock may have stepped, viewers' dates should
    // not.
    const WallTime continued = wall_anchor_ + time_us - timeline_anchor_us_;
    wall_anchor_ = any_media_ ? std::max(input.wall, continued) : input.wall;
    timeline_anchor_us_ = time_us;
    anchored_ = true;
    wall_is_late_us_.reset();
  }
  const WallTime presented = wall_anchor_ + time_us - timeline_anchor_us_;
  if (media) {
    const std::int64_t late_us = input.wall - presented;
    wall_is_late_us_ = std::min(wall_is_late_us_.value_or(late_us), late_us);
  }
  return presented;
}

// The encoder's clock is not the server's. What the promptest sample of a segment says is no jitter of the
// network. That of the segment with the anchor says how late the sample was that the clock was anchored at:
// it is never later itself. Dates do not step back beyond the segment.
void Timeline::follow_wall_clock(std::int64_t length_us) {
  constexpr std::int64_t kSmoothing = 16;
  constexpr std::int64_t kShareOfLength = 200;
  if (!wall_is_late_us_) return;
  const std::int64_t most_us = std::max<std::int64_t>(length_us, 0);
  const std::int64_t slow_us = most_us / kShareOfLength;
  wall_anchor_ += anchored_ ? std::clamp<std::int64_t>(*wall_is_late_us_, -most_us, 0)
                            : std::clamp(*wall_is_late_us_ / kSmoothing, -slow_us, slow_us);
  anchored_ = false;
  wall_is_late_us_.reset();
}

void Timeline::finish() {
  if (any_media_) rule_.settle();
  fix_part_target(newest_ms_ * 1000);
  parts_.end();
}

std::int64_t Timeline::common_ms(std::uint32_t raw_ms) const {
  return mapping_ms_ + static_cast<std::int32_t>(raw_ms - mapping_raw_ms_);
}

// Anchors move along with the samples, so that 32-bit differences never grow old and the timeline unwraps for
// ever.
void Timeline::slide(TrackState& track, std::uint32_t raw_ms, std::int64_t mapped_ms) {
  track.last_raw_ms = raw_ms;
  track.last_mapped_ms = mapped_ms;
  if (track.mapping != mapping_) return;
  mapping_raw_ms_ = raw_ms;
  mapping_ms_ = mapped_ms;
}

// A new timeline right after the end of everything placed so far.
std::int64_t Timeline::begin_mapping() {
  std::int64_t end = 0;
  for (const TrackState& track : tracks_) {
    if (!track.placed || track.kind == TrackKind::kData) continue;
    const std::int64_t frame = track.samples_per_frame > 0
                                   ? audio_frame_ms(track.samples_per_frame, track.timescale)
                                   : std::clamp<std::int64_t>(track.step_ms, 1, kMaxFrameMs);
    end = std::max(end, track.last_ms + frame);
  }
  ++mapping_;
  ++jumps_;
  return end;
}

// Can the track's next sample be there? A pause of this track alone is as long as it is: by the common clock
// the sample is where the others are by now.
bool Timeline::fits(const TrackState& track, std::int64_t mapped_ms) const {
  const std::int64_t step = mapped_ms - track.last_ms;
  return step >= -kRepairLimitMs && (step <= kGapLimitMs || mapped_ms - newest_ms_ <= kGapLimitMs);
}

// Another track has defined a new mapping: does this one's sample belong to it? Not while its own clock goes
// on evenly (it is from before the jump, or has a clock of its own); else if that mapping has a place for it.
bool Timeline::moves(const TrackState& track, std::int64_t own_ms, std::int64_t common) const {
  const std::int64_t step = own_ms - track.last_ms;
  const bool even = step >= -kAudioToleranceMs && step <= kEvenStepMs;
  return !even && fits(track, common);
}

Timeline::Placed Timeline::place_media(TrackState& track, std::uint32_t raw_ms) {
  std::int64_t mapped = 0;
  bool jumped = false;
  if (!any_media_) {
    mapped = raw_ms;  // players are given the publisher's own time stamps
  } else if (!track.placed) {
    mapped = common_ms(raw_ms);
    jumped = std::abs(mapped - newest_ms_) > kGapLimitMs;
    track.mapping = mapping_;
  } else {
    mapped = track.last_mapped_ms + static_cast<std::int32_t>(raw_ms - track.last_raw_ms);
    if (track.mapping != mapping_ && moves(track, mapped, common_ms(raw_ms))) {
      mapped = common_ms(raw_ms);
      track.mapping = mapping_;
    }
    jumped = !fits(track, mapped);
  }
  if (jumped) {
    mapped = begin_mapping();
    track.mapping = mapping_;
  }
  slide(track, raw_ms, mapped);

  // Two frames of video never share a time; frames of audio are told apart by counting their samples.
  const std::int64_t earliest =
      track.placed ? track.last_ms + (track.kind == TrackKind::kVideo ? 1 : 0) : std::int64_t{0};
  Placed placed{std::max(mapped, earliest), mapped < earliest, jumped,
                std::max(earliest - mapped, std::int64_t{0})};
  if (track.placed && !jumped) track.step_ms = placed.ms - track.last_ms;
  return placed;
}

// Encoders stamp data messages with whatever they like, often zero: then it happens now.
Timeline::Placed Timeline::place_data(const TrackState& track, std::uint32_t raw_ms) const {
  const std::int64_t mapped = any_media_ ? common_ms(raw_ms) : std::int64_t{raw_ms};
  const bool usable =
      !any_media_ || (mapped >= newest_ms_ - kGapLimitMs && mapped <= newest_ms_ + kGapLimitMs);
  const std::int64_t wanted = usable ? mapped : newest_ms_;
  const std::int64_t earliest = track.placed ? track.last_ms + 1 : 0;
  return {std::max(wanted, earliest), !usable || wanted < earliest, false};
}

// Where a frame of sound begins: where the one before ended, unless the clock says that this can't be. Bursts
// of frames with one stamp let the count run ahead of the clock for a while.
std::int64_t Timeline::counted_time(TrackState& track, std::int64_t clock, Placed& placed) {
  const std::int64_t tolerance = rescale(kAudioToleranceMs, 1000, track.timescale);
  const std::int64_t ahead = track.next_dts - clock;
  if (placed.jumped) return std::max(clock, track.next_dts);
  if (ahead < -tolerance) return clock;  // sound was left out: a gap, not a mistake
  // The encoder had sound from before its zero and set that to zero: the first frame is cut short, so that
  // everything after it is where it belongs.
  if (track.began && placed.ms == track.last_ms) {
    placed.repaired = true;
    return clock;
  }
  if (ahead <= tolerance) {
    track.ahead = false;
    return track.next_dts;
  }
  if (!track.ahead) track.ahead_since_ms = placed.ms;
  track.ahead = true;
  const bool burst =
      placed.ms - track.ahead_since_ms < kBurstMs && ahead <= rescale(kBurstMs, 1000, track.timescale);
  if (burst) return track.next_dts;
  placed.repaired = true;
  return clock;
}

std::int64_t Timeline::decode_time(TrackState& track, const Input& input, Placed& placed) {
  constexpr std::int64_t kNanosecondsPerSecond = 1'000'000'000;
  std::int64_t clock = rescale(placed.ms, 1000, track.timescale);
  if (!placed.repaired) clock += std::int64_t{input.nanoseconds} * track.timescale / kNanosecondsPerSecond;
  std::int64_t dts = clock;
  if (track.placed && track.samples_per_frame > 0) dts = counted_time(track, clock, placed);
  if (track.placed) dts = std::max(dts, track.last_dts + 1);
  track.last_dts = dts;
  track.next_dts = dts + (input.samples > 0 ? input.samples : track.samples_per_frame);
  track.began = !track.placed || placed.jumped;
  return dts;
}

// Does the sample begin a segment for its track's changed configuration? Not in a segment that began for it.
bool Timeline::may_restart(TrackState& track, bool key, std::int64_t time_us) const {
  if (!track.restarts) return false;
  if (track.restart_covered) {
    track.restarts = track.restart_announced = track.restart_covered = false;
    return false;
  }
  const bool lately = track.restarted_us && time_us - *track.restarted_us < restart_every_us_;
  const bool awaits_key = track.restart_waits && track.kind == TrackKind::kVideo && !key;
  track.restart_waits = lately || awaits_key;
  return !track.restart_waits;
}

// Whether a segment that is due begins for a changed configuration too: once before samples of it have come.
bool Timeline::any_restarts() const {
  return std::any_of(tracks_.begin(), tracks_.end(), [](const TrackState& track) {
    return track.restarts && (track.restart_waits || !track.restart_announced);
  });
}

// One discontinuity is for all that has changed. A track that has no sample of its new configuration yet
// begins another one if its first sample comes after this segment.
void Timeline::take_restarts(const TrackState& current, std::int64_t time_us) {
  for (TrackState& track : tracks_) {
    if (track.last_sample) track.last_sample->restarts = false;
    if (!track.restarts) continue;
    track.restarted_us = time_us;
    track.restart_covered = track.restart_announced = &track != &current && !track.restart_waits;
    if (track.restart_covered) continue;
    track.restarts = track.restart_waits = false;
  }
}

void Timeline::begin_segment(std::int64_t time_us, bool discontinuity) {
  rule_.begin(time_us, discontinuity);
  if (!discontinuity) {
    for (TrackState& track : tracks_) track.restart_covered = false;
    follow_wall_clock(time_us - segment_start_us_);
  }
  if (first_segment_) part_wish_.segment_us = time_us - segment_start_us_;
  segment_start_us_ = time_us;
  first_segment_ = false;
  ++media_sequence_;
  if (discontinuity) ++discontinuity_sequence_;
}

}  // namespace millrace::media
