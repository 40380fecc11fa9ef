#include "stream_health.hpp"

#include <algorithm>
#include <array>
#include <cmath>

namespace millrace::metrics {
namespace {

constexpr std::int64_t kSecond = 1'000'000;
constexpr std::int64_t kSilentUs = 5 * kSecond;   // of ingest
constexpr std::int64_t kStalledUs = 3 * kSecond;  // of the publisher
constexpr std::int64_t kLongStalledUs = 10 * kSecond;
constexpr std::int64_t kSettlingUs = 10 * kSecond;  // encoders begin with bursts and gaps
constexpr std::size_t kSteadySeconds = 10;
constexpr std::size_t kUsualSeconds = 60;  // that the usual bit rate is the median of
constexpr std::size_t kUsualSecondsLeast = 20;

// A value at or beyond a limit costs so many points; the harder row first.
struct Limit {
  double value;
  double points;
};
using Limits = std::array<Limit, 2>;
constexpr Limits kSlowness{{{0.4, 30}, {0.1, 15}}};       // share of the nominal frame rate that is missing
constexpr Limits kUnsteadiness{{{0.5, 20}, {0.25, 10}}};  // standard deviation by the nominal frame rate
constexpr Limits kKeyInterval{{{10.0, 25}, {4.0, 10}}};   // seconds
constexpr Limits kDrift{{{1.0, 25}, {0.2, 10}}};          // seconds
constexpr Limits kDropped{{{0.05, 25}, {0.01, 10}}};      // share of the frames
constexpr Limits kJumps{{{2.5, 25}, {0.5, 10}}};          // in a minute
constexpr Limits kBitrateLoss{{{0.9, 25}, {0.75, 15}}};   // share of the usual bit rate that is missing

double points_for(const Limits& limits, double value) {
  const auto found = std::find_if(limits.begin(), limits.end(),
                                  [value](const Limit& limit) { return value >= limit.value; });
  return found == limits.end() ? 0 : found->points;
}

constexpr std::array<std::string_view, static_cast<std::size_t>(HealthReason::kCount)> kNames{
    "no_statistics", "stalled",           "no_video",        "low_frame_rate",    "unsteady_frame_rate",
    "low_bitrate",   "long_key_interval", "timestamp_jumps", "audio_video_drift", "dropped_frames"};

}  // namespace

std::vector<std::string_view> health_reasons(std::uint32_t bits) {
  std::vector<std::string_view> names;
  for (std::size_t reason = 0; reason < kNames.size(); ++reason) {
    if ((bits >> reason & 1U) != 0) names.push_back(kNames[reason]);
  }
  return names;
}

std::string_view health_level(double score) {
  if (score >= 90) return "excellent";
  if (score >= 70) return "good";
  return score >= 50 ? "degraded" : "poor";
}

void StreamHealth::add(const HealthSample& sample, std::int64_t wall_us) {
  remember(sample);
  judge(sample);
  record(wall_us);
}

void StreamHealth::remember(const HealthSample& sample) {
  if (began_us_ < 0) began_us_ = media_us_ = video_us_ = sample.now_us;
  if (sample.video_frames != video_frames_) video_us_ = media_us_ = sample.now_us;
  if (sample.audio_frames != audio_frames_) media_us_ = sample.now_us;
  video_frames_ = sample.video_frames;
  audio_frames_ = sample.audio_frames;
  if (sample.measured_us == measured_us_) return;
  measured_us_ = sample.measured_us;
  dropped_.add(sample.measured_us, sample.dropped_frames);
  jumps_.add(sample.measured_us, sample.timestamp_jumps);
  seconds_.push_back({sample.measured_us, sample.frames_per_second, sample.bytes_per_second});
  if (seconds_.size() > kUsualSeconds) seconds_.pop_front();
}

void StreamHealth::take(double points, HealthReason reason) {
  if (points <= 0) return;
  now_.score = std::max(0.0, now_.score - points);
  now_.reasons |= 1U << static_cast<unsigned>(reason);
}

void StreamHealth::judge(const HealthSample& sample) {
  now_.score = 100;
  now_.reasons = 0;
  if (sample.measured_us > 0 && sample.now_us - sample.measured_us >= kSilentUs)
    return take(50, HealthReason::kNoStatistics);  // nothing else is known
  judge_arrival(sample);
  judge_media(sample);
  if (sample.now_us - began_us_ < kSettlingUs) return;
  judge_frame_rate(sample);
  judge_bitrate(sample);
}

void StreamHealth::judge_arrival(const HealthSample& sample) {
  const std::int64_t silent_us = sample.now_us - media_us_;
  if (silent_us >= kStalledUs) return take(silent_us >= kLongStalledUs ? 60 : 30, HealthReason::kStalled);
  if (sample.has_video && sample.now_us - video_us_ >= kStalledUs) take(30, HealthReason::kNoVideo);
}

void StreamHealth::judge_media(const HealthSample& sample) {
  if (sample.has_video)
    take(points_for(kKeyInterval, sample.key_interval_seconds), HealthReason::kLongKeyInterval);
  if (sample.has_video && sample.has_audio)
    take(points_for(kDrift, std::abs(sample.drift_seconds)), HealthReason::kDrift);
  take(points_for(kJumps, jumps_.increase(sample.now_us)), HealthReason::kTimestampJumps);
  const double rate = sample.nominal_frames_per_second;
  if (rate > 0) take(points_for(kDropped, dropped_.rate(sample.now_us) / rate), HealthReason::kDroppedFrames);
}

void StreamHealth::judge_frame_rate(const HealthSample& sample) {
  const double nominal = sample.nominal_frames_per_second;
  if (nominal <= 0) return;
  take(points_for(kSlowness, 1 - sample.frames_per_second / nominal), HealthReason::kLowFrameRate);
  if (seconds_.size() < kSteadySeconds) return;
  double sum = 0, squares = 0;
  for (auto second = seconds_.end() - kSteadySeconds; second != seconds_.end(); ++second) {
    sum += second->frames;
    squares += second->frames * second->frames;
  }
  const double mean = sum / kSteadySeconds;
  const double deviation = std::sqrt(std::max(0.0, squares / kSteadySeconds - mean * mean));
  take(points_for(kUnsteadiness, deviation / nominal), HealthReason::kUnsteadyFrameRate);
}

void StreamHealth::judge_bitrate(const HealthSample& sample) {
  if (seconds_.size() < kUsualSecondsLeast) return;
  std::vector<double> rates;
  rates.reserve(seconds_.size());
  for (const Second& second : seconds_) rates.push_back(second.bytes);
  const auto middle = rates.begin() + static_cast<std::ptrdiff_t>(rates.size() / 2);
  std::nth_element(rates.begin(), middle, rates.end());
  if (*middle > 0)
    take(points_for(kBitrateLoss, 1 - sample.bytes_per_second / *middle), HealthReason::kLowBitrate);
}

void StreamHealth::record(std::int64_t wall_us) {
  now_.wall_us = wall_us;
  const bool open = !history_.empty() && wall_us - history_.back().wall_us < kIntervalSeconds * kSecond &&
                    wall_us >= history_.back().wall_us;
  if (!open) {
    history_.push_back(now_);
    if (history_.size() > kMaxPoints) history_.pop_front();
    return;
  }
  history_.back().score = std::min(history_.back().score, now_.score);
  history_.back().reasons |= now_.reasons;
}

}  // namespace millrace::metrics
