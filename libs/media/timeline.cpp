#include "media/timeline.hpp"

#include <algorithm>

namespace millrace::media {

namespace {

constexpr std::int64_t kMicrosecondsPerSecond = 1'000'000;
// Key frames meant to be exactly a target apart may be this much nearer after rounding to milliseconds.
constexpr std::int64_t kRoundingMs = 2;
constexpr std::int64_t kMaxFrameMs = 1000;
constexpr std::uint64_t kDiscontinuitiesAnEpoch = 256;

// value * to / from without overflow for any time a stream can reach.
std::int64_t rescale(std::int64_t value, std::int64_t from, std::int64_t to) {
  return value / from * to + value % from * to / from;
}

std::int64_t audio_frame_ms(std::uint32_t samples, std::uint32_t timescale) {
  return (std::int64_t{samples} * 1000 + timescale - 1) / timescale;
}

}  // namespace

Timeline::Timeline(const TimelineConfig& config)
    : segment_target_ms_(std::max<std::uint32_t>(config.segment_target_ms, 1)),
      max_segment_limit_ms_(std::max(config.max_segment_ms, segment_target_ms_)),
      continues_(config.continuation.found),
      media_sequence_(continues_
                          ? config.continuation.last_media_sequence + 1
                          : static_cast<std::uint64_t>(config.started_wall_us / 1000 / segment_target_ms_)),
      discontinuity_sequence_(continues_
                                  ? config.continuation.last_discontinuity_sequence + 1
                                  : static_cast<std::uint32_t>(config.epoch * kDiscontinuitiesAnEpoch)),
      longest_segment_ms_(config.continuation.max_segment_ms) {}

void Timeline::configure(std::uint8_t track, TrackKind kind, std::uint32_t timescale,
                         std::uint32_t samples_per_frame) {
  TrackState& state = tracks_[track % kMaxTracks];
  timescale = std::max<std::uint32_t>(timescale, 1);
  if (state.placed && timescale != state.timescale) {
    state.next_dts = rescale(state.next_dts, state.timescale, timescale);
    state.last_dts = rescale(state.last_dts, state.timescale, timescale);
  }
  state.kind = kind;
  state.timescale = timescale;
  state.samples_per_frame = samples_per_frame;
  state.configured = true;
  state.restarts = state.placed;
}

SampleRecord Timeline::place(const Input& input) {
  TrackState& track = tracks_[input.track % kMaxTracks];
  const bool media = track.kind != TrackKind::kData;
  Placed placed = media ? place_media(track, input.timestamp_ms) : place_data(track, input.timestamp_ms);
  const bool first_record = !any_record_;
  if (media && !any_media_) first_ms_ = segment_start_ms_ = placed.ms;
  // A track that begins a little earlier than the one that came first belongs to the first segment all the
  // same.
  if (media && first_segment_ && !track.placed) segment_start_ms_ = std::min(segment_start_ms_, placed.ms);

  bool discontinuity = first_record && continues_;
  bool segment = first_record;
  if (media && !first_record) {
    discontinuity = breaks(track, placed.jumped);
    segment = discontinuity || begins_segment(input, placed.ms);
    if (segment) begin_segment(placed.ms, discontinuity);
  }

  SampleRecord record{};
  record.track = input.track;
  record.dts = decode_time(track, input, placed);
  // A picture whose decode time had to be moved is shown when its encoder wanted it to be.
  const std::int64_t offset_ms =
      input.composition_offset_ms - (track.kind == TrackKind::kVideo ? placed.moved_ms : 0);
  record.composition_offset =
      static_cast<std::int32_t>(rescale(offset_ms, 1000, std::int64_t{track.timescale}));
  record.arrival_us = input.arrival_us;
  record.wire_timestamp_ms = static_cast<std::uint32_t>(placed.ms);
  record.media_sequence = media_sequence_;
  record.discontinuity_sequence = discontinuity_sequence_;

  const std::int64_t time_us = rescale(record.dts, track.timescale, kMicrosecondsPerSecond);
  if (first_record || discontinuity || (media && !any_media_)) {
    // Never before what the old anchor would give: the wall clock may have stepped, viewers' dates should
    // not.
    const std::int64_t continued = wall_anchor_us_ + time_us - timeline_anchor_us_;
    wall_anchor_us_ = any_media_ ? std::max(input.wall_us, continued) : input.wall_us;
    timeline_anchor_us_ = time_us;
  }
  record.presented_wall_us = wall_anchor_us_ + time_us - timeline_anchor_us_;
  record.flags = static_cast<std::uint16_t>(
      (input.key ? kSampleKey : 0) | (segment ? kSampleSegmentStart : 0) |
      (discontinuity ? kSampleDiscontinuity : 0) | (placed.repaired ? kSampleRepaired : 0));
  track.last_ms = placed.ms;
  track.placed = true;
  any_record_ = true;
  if (media) {
    newest_ms_ = any_media_ ? std::max(newest_ms_, placed.ms) : placed.ms;
    any_media_ = true;
  }
  return record;
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

Timeline::Placed Timeline::place_media(TrackState& track, std::uint32_t raw_ms) {
  const auto in_range = [](std::int64_t step, std::int64_t back) {
    return step >= -back && step <= kGapLimitMs;
  };
  std::int64_t mapped = 0;
  bool jumped = false;
  if (!any_media_) {
    mapped = raw_ms;  // players are given the publisher's own time stamps
  } else if (!track.placed) {
    mapped = common_ms(raw_ms);
    jumped = !in_range(mapped - newest_ms_, kGapLimitMs);
    track.mapping = mapping_;
  } else {
    mapped = track.last_mapped_ms + static_cast<std::int32_t>(raw_ms - track.last_raw_ms);
    if (!in_range(mapped - track.last_ms, kRepairLimitMs)) {
      mapped = common_ms(raw_ms);
      jumped = track.mapping == mapping_ || !in_range(mapped - track.last_ms, kRepairLimitMs);
      track.mapping = mapping_;
    }
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

std::int64_t Timeline::decode_time(TrackState& track, const Input& input, Placed& placed) const {
  constexpr std::int64_t kNanosecondsPerSecond = 1'000'000'000;
  std::int64_t clock = rescale(placed.ms, 1000, track.timescale);
  if (!placed.repaired) clock += std::int64_t{input.nanoseconds} * track.timescale / kNanosecondsPerSecond;
  std::int64_t dts = clock;
  if (track.samples_per_frame > 0) {
    const std::int64_t tolerance = rescale(kAudioToleranceMs, 1000, track.timescale);
    const bool behind = clock < track.next_dts - tolerance;
    const bool ahead = clock > track.next_dts + tolerance;  // sound was left out: a gap, not a mistake
    if (track.placed && placed.jumped) dts = std::max(clock, track.next_dts);
    if (track.placed && !placed.jumped && !behind && !ahead) dts = track.next_dts;
    if (track.placed && !placed.jumped && behind) placed.repaired = true;
    // The encoder had sound from before its zero and set that to zero: the first frame is cut short, so that
    // everything after it is where it belongs.
    if (track.placed && track.began && !placed.jumped && placed.ms == track.last_ms) {
      dts = clock;
      placed.repaired = true;
    }
  }
  if (track.placed) dts = std::max(dts, track.last_dts + 1);
  track.last_dts = dts;
  track.next_dts = dts + (input.samples > 0 ? input.samples : track.samples_per_frame);
  track.began = !track.placed || placed.jumped;
  return dts;
}

bool Timeline::has_video() const {
  return tracks_[kVideoTrack].configured;
}

// Does the sample begin a discontinuity? Takes the pending reasons with it.
bool Timeline::breaks(const TrackState& track, bool jumped) {
  const bool tracks_changed = !track.placed && !first_segment_;
  if (!jumped && !track.restarts && !tracks_changed) return false;
  for (TrackState& other : tracks_) other.restarts = false;
  return true;
}

bool Timeline::begins_segment(const Input& input, std::int64_t ms) const {
  const std::int64_t length = ms - segment_start_ms_;
  if (input.track == kVideoTrack) {
    const bool long_enough = length >= std::int64_t{segment_target_ms_} - kRoundingMs;
    return (input.key && long_enough) || length >= max_segment_limit_ms_;
  }
  // Others decide only where no picture does, or where the picture has stopped.
  const TrackState& picture = tracks_[kVideoTrack];
  const std::int64_t picture_ms = picture.placed ? std::max(first_ms_, picture.last_ms) : first_ms_;
  if (has_video() && ms - picture_ms <= max_segment_limit_ms_) return false;
  return length >= std::int64_t{segment_target_ms_} - kRoundingMs;
}

void Timeline::begin_segment(std::int64_t ms, bool discontinuity) {
  const std::int64_t length = std::max<std::int64_t>(ms - segment_start_ms_, 0);
  longest_segment_ms_ = std::max(longest_segment_ms_, static_cast<std::uint32_t>(length));
  segment_start_ms_ = ms;
  first_segment_ = false;
  ++media_sequence_;
  if (discontinuity) ++discontinuity_sequence_;
}

}  // namespace millrace::media
