#include "media/media_pace.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

namespace millrace::media {
namespace {

constexpr std::int64_t kInterleavedFrames = 64;
constexpr int kRareHoles = 5;  // fewer than one step in so many

// Neither is clearly shorter.
bool alike(std::int64_t one_us, std::int64_t other_us) {
  return 3 * one_us > 2 * other_us && 3 * other_us > 2 * one_us;
}

}  // namespace

void MediaPace::video(std::int64_t time_us, bool key, bool continuous) {
  if (!any_video_) first_video_us_ = time_us;
  ++frames_;
  const std::int64_t before_us = std::exchange(video_us_, time_us);
  if (any_video_ && continuous) step(time_us - before_us);
  any_video_ = true;
  if (key) {
    if (any_key_ && time_us > key_us_) key_interval_us_ = static_cast<std::uint64_t>(time_us - key_us_);
    key_us_ = time_us;
    any_key_ = true;
  }
  advance(time_us);
  interleave();
}

void MediaPace::audio(std::int64_t time_us) {
  audio_us_ = time_us;
  any_audio_ = true;
  advance(time_us);
}

void MediaPace::step(std::int64_t step_us) {
  longest_us_ = std::max(longest_us_, step_us);
  steps_[step_count_++] = step_us;
  if (step_count_ == kSteps) judge();
}

void MediaPace::judge() {
  step_count_ = 0;
  longest_before_us_ = std::exchange(longest_us_, 0);
  std::array<std::int64_t, kSteps> sorted = steps_;
  const auto middle = sorted.begin() + kSteps / 2;
  std::nth_element(sorted.begin(), middle, sorted.end());
  const std::int64_t median = *middle;
  if (median <= 0) return;
  std::int64_t usual_us = 0, usual = 0;
  int holes = 0;
  std::uint64_t missing = 0;
  for (const std::int64_t step : steps_) {
    const std::int64_t frames = (step + median / 2) / median;  // rounded: 1.5 frames' time is a missing one
    if (frames <= 1) usual_us += step, ++usual;
    const bool goes_on = run_.length > 0 && alike(step, run_.last_us);
    if (frames > 1 || goes_on) {
      const bool was_so = run_.length == 0 && alike(step, step_before_us_);
      run_ = {was_so ? kMaxHolesInARow + 1 : run_.length + 1,
              run_.frames + static_cast<std::uint64_t>(std::max<std::int64_t>(frames - 1, 0)), step};
    } else {
      if (run_.length > 0 && run_.length <= kMaxHolesInARow) holes += run_.length, missing += run_.frames;
      run_ = {};
    }
    step_before_us_ = step;
  }
  frame_duration_us_ = static_cast<std::uint64_t>(usual > 0 ? (usual_us + usual / 2) / usual : median);
  if (!is_variable(holes)) frame_gaps_ += missing;
}

bool MediaPace::is_variable(int holes) const {
  if (holes == 0) return false;
  const double usual = 1e6 / static_cast<double>(frame_duration_us_);
  const double average = static_cast<double>(frames_ - 1) * 1e6 /
                         static_cast<double>(std::max<std::uint64_t>(video_time_us(), 1));
  constexpr double kAgrees = 0.03;
  if (std::abs(declared_ - usual) < kAgrees * usual) return false;
  if (declared_ > 0 && std::abs(declared_ - average) < kAgrees * average) return true;
  return holes * kRareHoles >= static_cast<int>(kSteps);
}

void MediaPace::advance(std::int64_t time_us) {
  if (!any_) first_us_ = newest_us_ = time_us;
  any_ = true;
  newest_us_ = std::max(newest_us_, time_us);
}

void MediaPace::interleave() {
  if (!any_audio_) return;
  const std::int64_t now = audio_us_ - video_us_;
  interleaving_sum_ = any_interleaving_ ? interleaving_sum_ + now - interleaving_sum_ / kInterleavedFrames
                                        : now * kInterleavedFrames;
  any_interleaving_ = true;
}

std::uint64_t MediaPace::longest_frame_us() const {
  return static_cast<std::uint64_t>(std::max<std::int64_t>({longest_us_, longest_before_us_, 0}));
}

std::uint64_t MediaPace::since_key_us() const {
  return any_key_ ? static_cast<std::uint64_t>(std::max<std::int64_t>(video_us_ - key_us_, 0)) : 0;
}

std::int64_t MediaPace::interleaving_us() const {
  return interleaving_sum_ / kInterleavedFrames;
}

std::uint64_t MediaPace::media_time_us() const {
  return static_cast<std::uint64_t>(newest_us_ - first_us_);
}

std::uint64_t MediaPace::video_time_us() const {
  return static_cast<std::uint64_t>(std::max<std::int64_t>(video_us_ - first_video_us_, 0));
}

}  // namespace millrace::media
