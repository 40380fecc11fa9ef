#include "media/segment_rule.hpp"

#include <algorithm>
#include <cstdlib>

namespace millrace::media {

namespace {

// Pictures come this much later than the last ones did, at most, without being late.
constexpr std::int64_t kJitterUs = 100'000;
// Times in whole milliseconds may be this much short of a target that is meant.
constexpr std::int64_t kRoundingUs = 2'000;
// A picture that has not begun is waited for: this many targets in the first segment.
constexpr std::int64_t kTargetsForTheFirst = 2;
constexpr std::uint32_t kBreaksThatTell = 3;
constexpr std::int64_t kSilentSteps = 3;
constexpr std::int64_t kMemoryPictures = 64;
constexpr std::int64_t kLongestBurstUs = 1'000'000;  // of sound between two pictures, as they arrive

std::uint32_t rounded_target_s(const SegmentTargets& targets) {
  return std::max<std::uint32_t>((targets.segment_target_ms + 500) / 1000, 1);
}

}  // namespace

std::uint32_t fitting_target_duration_s(const SegmentTargets& targets, std::int64_t longest_us) {
  const std::int64_t length_us =
      std::max<std::int64_t>(longest_us, std::int64_t{targets.segment_target_ms} * 1000);
  const std::uint32_t least = rounded_target_s(targets);
  std::uint32_t seconds = least;
  while (seconds < targets.longest_target_s && longest_segment_us(seconds) < length_us + kJitterUs) ++seconds;
  return seconds;
}

std::uint32_t longest_target_s(std::int64_t pinned_limit_us) {
  constexpr std::int64_t kMost = SegmentTargets{}.longest_target_s;
  return static_cast<std::uint32_t>(
      std::clamp<std::int64_t>(pinned_limit_us / kRetainedTargets / 1'000'000, 1, kMost));
}

SegmentRule::SegmentRule(const SegmentTargets& targets) : targets_(targets) {
  targets_.segment_target_ms = std::max<std::uint32_t>(targets_.segment_target_ms, 1);
}

std::int64_t SegmentRule::limit_us() const {
  const std::uint32_t fixed = targets_.target_duration_s;
  return longest_segment_us(fixed != 0 ? fixed
                                       : std::max(targets_.longest_target_s, rounded_target_s(targets_)));
}

// So much sound has come since the last picture as never between two of them.
bool SegmentRule::picture_is_silent() const {
  return sound_since_us_ > burst_us_ + std::max(early_us(), kSilentSteps * picture_step_us_);
}

// Time is missing in all tracks, and not only in the one that is ahead: what the segment has ends within the
// limit.
bool SegmentRule::is_gap(const Sample& sample, bool has_picture) const {
  if (sample.time_us - start_us_ <= limit_us() + early_us()) return false;
  if (sample.picture && picture_seen_)
    return picture_us_ - start_us_ <= limit_us() && sound_since_us_ <= burst_us_ + early_us();
  const bool alone = !has_picture || !picture_seen_ || picture_is_silent();
  return alone && newest_us_ - start_us_ <= limit_us();
}

SegmentRule::Cut SegmentRule::judge(const Sample& sample, bool has_picture) const {
  const std::int64_t length_us = sample.time_us - start_us_;
  if (length_us <= 0) return Cut::kNone;
  if (is_gap(sample, has_picture)) return Cut::kGap;
  const bool cuts =
      sample.picture ? picture_cuts(sample, length_us) : other_cuts(sample, length_us, has_picture);
  return cuts ? Cut::kCut : Cut::kNone;
}

bool SegmentRule::is_key(const Sample& sample) const {
  if (!sample.recovery) return sample.key;
  const std::int64_t next_us = sync_us_ + sync_interval_us_;
  const bool awaited =
      sync_interval_us_ > 0 && sample.time_us < next_us + kJitterUs && next_us - start_us_ <= limit_us();
  return sample.key && !awaited;
}

bool SegmentRule::picture_cuts(const Sample& sample, std::int64_t length_us) const {
  if (is_key(sample)) {
    if (sample.time_us >= due_us_ - early_us()) return true;
    const bool next_is_late = key_interval_us_ > 0 && length_us + key_interval_us_ > limit_us();
    if (next_is_late && (!begun_with_key_ || length_us >= early_us())) return true;
  }
  // A key frame that is expected in time is waited for.
  const std::int64_t next_key_us = key_us_ + key_interval_us_;
  if (next_key_us > sample.time_us && next_key_us - start_us_ <= limit_us()) return false;
  const std::int64_t now_us = picture_seen_ ? sample.time_us - picture_us_ : 0;
  const std::int64_t step_us = last_step_us_ > 0 ? std::min(now_us, last_step_us_) : now_us;
  return length_us + step_us + std::min(step_us / 2, kJitterUs) > limit_us();
}

bool SegmentRule::other_cuts(const Sample& sample, std::int64_t length_us, bool has_picture) const {
  const std::int64_t next_us = length_us + sample.duration_us;
  const bool due = sample.time_us + kRoundingUs >= due_us_;
  if (!has_picture) return due || next_us > limit_us();
  if (!picture_seen_) {
    const std::int64_t wait_us =
        targets_.target_duration_s == 0 ? kTargetsForTheFirst * target_us() : target_us();
    return length_us + kRoundingUs >= wait_us || next_us > limit_us();
  }
  if (due && picture_is_silent()) return true;
  const std::int64_t usual_us = std::min(burst_us_, kJitterUs);
  const bool last_chance = next_us + usual_us - lag_us_ > limit_us() && length_us <= limit_us() + early_us();
  return last_chance && sound_since_us_ > usual_us;
}

void SegmentRule::begin_first(std::int64_t time_us) {
  first_us_ = start_us_ = newest_us_ = time_us;
  due_us_ = time_us + target_us();
}

void SegmentRule::begin_earlier(std::int64_t time_us) {
  if (time_us >= start_us_) return;
  first_us_ = start_us_ = time_us;
  due_us_ = time_us + target_us();
}

// What one break cut short may have become longer. An encoder that breaks again and again (a configuration a
// second) ends no segment by itself, and its viewers are not to wait for one.
bool SegmentRule::is_told_by_breaks(std::int64_t time_us) const {
  const std::int64_t since_us = time_us - first_us_;
  if (since_us >= longest_segment_us(targets_.longest_target_s)) return true;
  return breaks_ >= kBreaksThatTell && since_us >= kTargetsForTheFirst * target_us();
}

void SegmentRule::begin(std::int64_t time_us, bool is_break) {
  const std::int64_t end_us = is_break ? std::min(time_us, newest_us_) : time_us;
  longest_us_ = std::max(longest_us_, end_us - start_us_);
  breaks_ += is_break ? 1 : 0;
  if (targets_.target_duration_s == 0 && (!is_break || is_told_by_breaks(time_us)))
    targets_.target_duration_s = fitting_target_duration_s(targets_, longest_us_);
  const std::int64_t off_us = time_us - due_us_;
  const std::int64_t carried_us = !is_break && std::abs(off_us) <= early_us() ? off_us : 0;
  start_us_ = time_us;
  due_us_ = time_us + target_us() - carried_us;
  begins_ = true;
}

void SegmentRule::add(const Sample& sample) {
  if (begins_) begun_with_key_ = sample.picture && is_key(sample);
  begins_ = false;
  if (sample.picture) {
    add_picture(sample);
  } else {
    sound_since_us_ += sample.duration_us;
  }
  newest_us_ = std::max(newest_us_, sample.time_us);
}

void SegmentRule::add_picture(const Sample& sample) {
  const auto faded = [](std::int64_t value_us) { return value_us - value_us / kMemoryPictures; };
  const std::int64_t step_us = picture_seen_ ? std::max<std::int64_t>(sample.time_us - picture_us_, 0) : 0;
  picture_step_us_ = last_step_us_ > 0 ? std::min(step_us, last_step_us_) : step_us;
  last_step_us_ = step_us;
  if (picture_seen_) burst_us_ = std::max(std::min(sound_since_us_, kLongestBurstUs), faded(burst_us_));
  lag_us_ =
      std::max(std::max<std::int64_t>(newest_us_ - sample.time_us, 0), picture_seen_ ? faded(lag_us_) : 0);
  sound_since_us_ = 0;
  picture_us_ = sample.time_us;
  picture_seen_ = true;
  if (is_key(sample)) {
    key_interval_us_ = key_seen_ ? sample.time_us - key_us_ : 0;
    key_us_ = sample.time_us;
    key_seen_ = true;
  }
  if (!sample.key || sample.recovery) return;
  sync_interval_us_ = sync_seen_ ? sample.time_us - sync_us_ : 0;
  sync_us_ = sample.time_us;
  sync_seen_ = true;
}

void SegmentRule::settle() {
  longest_us_ = std::max(longest_us_, newest_us_ - start_us_);
  if (targets_.target_duration_s == 0)
    targets_.target_duration_s = fitting_target_duration_s(targets_, longest_us_);
}

}  // namespace millrace::media
