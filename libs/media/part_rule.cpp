#include "media/part_rule.hpp"

#include <algorithm>
#include <limits>

#include "media/part_target.hpp"

namespace millrace::media {
namespace {

constexpr std::int64_t kMemoryFrames = 64;
constexpr std::int64_t kMicroseconds = 1'000'000;

// Steps up to this fill a part to 85 % whatever their pattern is.
std::int64_t finest(std::int64_t target_ticks) {
  return target_ticks * (100 - kLeastPartPercent) / 100;
}

}  // namespace

std::int64_t PartRule::target_ticks(std::uint32_t timescale) const {
  return std::int64_t{target_us_} * timescale / kMicroseconds;
}

void PartRule::note_step(Track& track, const Frame& frame) const {
  if (!track.any || track.timescale != frame.timescale) {
    track.step = track.step_before = track.longest = 0;
    return;
  }
  if (!frame.follows) return;
  track.step_before = track.step;
  track.step = frame.dts - track.last_dts;
  const bool is_fine = target_us_ == 0 || track.step <= finest(target_ticks(frame.timescale));
  if (is_fine) track.longest = std::max(track.step, track.longest - track.longest / kMemoryFrames);
}

std::int64_t PartRule::expected(const Track& track, const Frame& frame) const {
  if (frame.duration > 0) return frame.duration;
  const std::int64_t shorter = track.step_before > 0 ? std::min(track.step, track.step_before) : track.step;
  const bool is_fine = track.longest <= finest(target_ticks(frame.timescale));
  return is_fine ? std::max(track.longest, shorter) : shorter;
}

bool PartRule::begins(const Track& track, const Frame& frame) const {
  if (track.part == 0 || track.media_sequence != frame.media_sequence || track.timescale != frame.timescale)
    return true;
  // Whatever its frames claim to last, a part has a quarter of the target.
  const std::int64_t target = target_ticks(frame.timescale);
  const std::int64_t length = frame.dts - track.start_dts;
  return length > target - expected(track, frame) && length * kMostPartsPerTarget >= target;
}

void PartRule::close(Track& track) {
  if (!track.open) return;
  track.open = false;
  ++closed_;
}

// A later segment's frame closes the sound's parts, and starts the wait for the pictures' last frames.
void PartRule::close_others(const Frame& frame) {
  const bool later = frame.media_sequence != media_sequence_;
  if (!later && waiting_ == 0) return;
  for (std::uint32_t number = 0; number < tracks_.size(); ++number) {
    Track& track = tracks_.at(number);
    const std::uint32_t bit = 1U << number;
    if (later && track.open && track.picture) waiting_ |= bit;
    if (later && !track.picture) close(track);
    if ((waiting_ & bit) == 0 || frame.time_us - track.last_us < kSilenceUs) continue;
    close(track);
    waiting_ &= ~bit;
  }
  media_sequence_ = frame.media_sequence;
}

std::uint32_t PartRule::place(const Frame& frame) {
  const std::uint8_t number = frame.track % kMaxTracks;
  Track& track = tracks_.at(number);
  note_step(track, frame);
  if (target_us_ != 0) {
    close_others(frame);
    if (begins(track, frame)) {
      close(track);
      waiting_ &= ~(1U << number);
      ++track.part;
      track.open = true;
      track.start_dts = frame.dts;
      track.media_sequence = frame.media_sequence;
    }
  }
  track.any = true;
  track.picture = frame.picture;
  track.timescale = frame.timescale;
  track.last_dts = frame.dts;
  track.last_us = frame.time_us;
  return track.part;
}

void PartRule::end() {
  for (Track& track : tracks_) close(track);
  waiting_ = 0;
}

}  // namespace millrace::media
