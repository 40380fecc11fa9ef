#include "media_pace.hpp"

#include <algorithm>

namespace millrace::ingest {
namespace {
constexpr std::int64_t kDriftFrames = 64;
}  // namespace

void MediaPace::video(std::int64_t time_us, bool key, bool continuous) {
  if (any_video_ && continuous) step(time_us - video_us_);
  video_us_ = time_us;
  any_video_ = true;
  if (key) {
    if (any_key_ && time_us > key_us_) key_interval_us_ = static_cast<std::uint64_t>(time_us - key_us_);
    key_us_ = time_us;
    any_key_ = true;
  }
  advance(time_us);
  drift();
}

void MediaPace::audio(std::int64_t time_us) {
  audio_us_ = time_us;
  any_audio_ = true;
  advance(time_us);
  drift();
}

void MediaPace::step(std::int64_t step_us) {
  steps_[step_count_++] = step_us;
  if (step_count_ == kSteps) judge();
}

void MediaPace::judge() {
  step_count_ = 0;
  std::array<std::int64_t, kSteps> sorted = steps_;
  const auto middle = sorted.begin() + kSteps / 2;
  std::nth_element(sorted.begin(), middle, sorted.end());
  const std::int64_t median = *middle;
  if (median <= 0) return;
  frame_duration_us_ = static_cast<std::uint64_t>(median);
  for (const std::int64_t step : steps_) {
    const std::int64_t frames = (step + median / 2) / median;  // rounded: 1.5 frames' time is a missing one
    if (frames > 1) frame_gaps_ += static_cast<std::uint64_t>(frames - 1);
  }
}

void MediaPace::advance(std::int64_t time_us) {
  if (!any_) first_us_ = newest_us_ = time_us;
  any_ = true;
  newest_us_ = std::max(newest_us_, time_us);
}

void MediaPace::drift() {
  if (!any_video_ || !any_audio_) return;
  const std::int64_t now = audio_us_ - video_us_;
  drift_sum_ = any_drift_ ? drift_sum_ + now - drift_sum_ / kDriftFrames : now * kDriftFrames;
  any_drift_ = true;
}

std::uint64_t MediaPace::since_key_us() const {
  return any_key_ ? static_cast<std::uint64_t>(std::max<std::int64_t>(video_us_ - key_us_, 0)) : 0;
}

std::int64_t MediaPace::drift_us() const {
  return drift_sum_ / kDriftFrames;
}

std::uint64_t MediaPace::media_time_us() const {
  return static_cast<std::uint64_t>(newest_us_ - first_us_);
}

}  // namespace millrace::ingest
