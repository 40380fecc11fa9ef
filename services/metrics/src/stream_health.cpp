#include "stream_health.hpp"

#include <algorithm>
#include <array>
#include <cmath>

namespace millrace::metrics {
namespace {

constexpr std::int64_t kSecond = 1'000'000;
constexpr std::int64_t kSilentUs = 5 * kSecond;    // of ingest
constexpr std::int64_t kSettlingUs = 4 * kSecond;  // encoders begin with bursts and gaps
constexpr std::int64_t kLeastSecondUs = 900'000;   // statistics that come closer together are one second
constexpr std::int64_t kLongPauseUs = kSecond;
constexpr std::size_t kMaxSeconds = 60;
constexpr std::size_t kUsualSecondsLeast = 20;  // that the usual bit rate is the median of
constexpr std::int64_t kPaceUs = 20 * kSecond;
constexpr std::int64_t kLeastPaceUs = 11 * kSecond;
constexpr std::size_t kSteadySeconds = 10;
constexpr std::uint64_t kLeastFrames = 64;  // ingest reports missing ones every 32

// A value at or beyond a limit costs so many points; the hardest row first.
struct Limit {
  double value;
  double points;
};
using Limits = std::array<Limit, 3>;
constexpr Limit kNone{1e9, 0};
constexpr Limits kStalled{{{6, 60}, {3, 30}, kNone}};        // seconds
constexpr Limits kOneStands{{{6, 55}, {3, 30}, kNone}};      // seconds
constexpr Limits kPauses{{{0.28, 55}, {0.14, 15}, kNone}};   // share of the seconds
constexpr Limits kSlowness{{{0.2, 55}, {0.05, 15}, kNone}};  // share of the time that has no media
constexpr Limits kFrameLoss{{{0.4, 30}, {0.1, 15}, kNone}};  // the same of the picture, in 5 s
constexpr Limits kUnsteadiness{
    {{0.65, 55}, {0.5, 30}, {0.35, 10}}};                         // standard deviation of the picture's pace
constexpr Limits kKeyInterval{{{15, 55}, {10, 30}, {4.5, 10}}};   // seconds
constexpr Limits kInterleaving{{{3, 55}, {1, 25}, {0.2, 10}}};    // seconds
constexpr Limits kDropped{{{0.08, 55}, {0.05, 25}, {0.01, 10}}};  // share of the frames
constexpr Limits kJumps{{{5.5, 55}, {2.5, 25}, {0.5, 10}}};       // in a minute
constexpr Limits kBitrateLoss{{{0.9, 25}, {0.75, 15}, kNone}};  // share of the usual bit rate that is missing

double points_for(const Limits& limits, double value) {
  const auto found = std::find_if(limits.begin(), limits.end(),
                                  [value](const Limit& limit) { return value >= limit.value; });
  return found == limits.end() ? 0 : found->points;
}

double seconds_of(std::int64_t us) {
  return static_cast<double>(us) / static_cast<double>(kSecond);
}

constexpr std::array<std::string_view, static_cast<std::size_t>(HealthReason::kCount)> kNames{
    "no_statistics",   "stalled",
    "no_video",        "no_audio",
    "pauses",          "slower_than_real_time",
    "low_frame_rate",  "unsteady_frame_rate",
    "low_bitrate",     "long_key_interval",
    "timestamp_jumps", "interleaving",
    "dropped_frames",  "track_refused"};

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

// --- what each second was ---

void StreamHealth::measure(const HealthCounters& counters) {
  if (began_us_ >= 0 && counters.measured_us <= newest_.measured_us) return;
  if (began_us_ < 0) {
    began_us_ = video_us_ = audio_us_ = counters.measured_us;
    base_ = counters;
  }
  if (counters.video_frames != newest_.video_frames) video_us_ = counters.measured_us;
  if (counters.audio_frames != newest_.audio_frames) audio_us_ = counters.measured_us;
  newest_ = counters;
  pause_us_ = std::max(pause_us_, counters.longest_pause_us);
  if (counters.measured_us - base_.measured_us >= kLeastSecondUs) close_second(counters);
}

void StreamHealth::close_second(const HealthCounters& counters) {
  seconds_.push_back({.end_us = counters.measured_us,
                      .length_us = counters.measured_us - base_.measured_us,
                      .bytes = counters.received_bytes - base_.received_bytes,
                      .frames = counters.video_frames - base_.video_frames,
                      .dropped = counters.dropped_frames - base_.dropped_frames,
                      .jumps = counters.timestamp_jumps - base_.timestamp_jumps,
                      .media_us = counters.media_time_us - base_.media_time_us,
                      .video_us = counters.video_time_us - base_.video_time_us,
                      .pause_us = pause_us_,
                      .seconds = 1,
                      .paused = is_long_pause(pause_us_) ? 1 : 0});
  if (seconds_.size() > kMaxSeconds) seconds_.pop_front();
  base_ = counters;
  pause_us_ = 0;
}

StreamHealth::Second StreamHealth::last(std::int64_t length_us, std::uint64_t least_frames) const {
  Second sum;
  for (auto second = seconds_.rbegin(); second != seconds_.rend(); ++second) {
    const bool enough = sum.length_us + second->length_us / 2 > length_us && sum.frames >= least_frames;
    if (enough || second->end_us - second->length_us < began_us_ + kSettlingUs) break;
    sum.length_us += second->length_us;
    sum.bytes += second->bytes;
    sum.frames += second->frames;
    sum.dropped += second->dropped;
    sum.media_us += second->media_us;
    sum.video_us += second->video_us;
    sum.seconds += 1;
    sum.paused += second->paused;
  }
  return sum;
}

// How long a picture may well be shown: what comes later is late only by more.
std::int64_t StreamHealth::frame_us() const {
  return newest_.longest_frame_us;
}

// Between two pictures without sound nothing needs to come.
bool StreamHealth::is_long_pause(std::int64_t pause_us) const {
  return pause_us - (has_audio_ ? 0 : frame_us()) >= kLongPauseUs;
}

// --- judgement ---

void StreamHealth::take(double points, HealthReason reason) {
  if (points <= 0) return;
  now_.score = std::max(0.0, now_.score - points);
  now_.reasons |= 1U << static_cast<unsigned>(reason);
}

void StreamHealth::judge(std::int64_t now_us, HealthTracks tracks, WallTime wall) {
  now_.score = 100;
  now_.reasons = 0;
  has_audio_ = tracks.audio;
  if (judged_us_ < 0) judged_us_ = now_us;
  const std::int64_t told_us = began_us_ < 0 ? judged_us_ : newest_.measured_us;
  if (now_us - told_us >= kSilentUs) {
    take(60, HealthReason::kNoStatistics);  // nothing else is known
  } else if (began_us_ >= 0) {
    judge_arrival(now_us, tracks);
    judge_media(tracks);
    judge_pace(tracks);
    if (tracks.video) judge_frame_rate();
    judge_bitrate();
  }
  record(wall);
}

void StreamHealth::judge_arrival(std::int64_t now_us, HealthTracks tracks) {
  const std::int64_t usual_us = tracks.video ? frame_us() : 0;
  const double video = seconds_of(now_us - video_us_ - usual_us);
  const double audio = seconds_of(now_us - audio_us_);
  const double both = std::min(video, audio);
  if (points_for(kStalled, both) > 0) return take(points_for(kStalled, both), HealthReason::kStalled);
  if (tracks.video) take(points_for(kOneStands, video), HealthReason::kNoVideo);
  if (tracks.audio) take(points_for(kOneStands, audio), HealthReason::kNoAudio);
}

void StreamHealth::judge_media(HealthTracks tracks) {
  constexpr double kRefusedTrack = 30;
  take(newest_.refused_tracks > 0 ? kRefusedTrack : 0, HealthReason::kTrackRefused);
  std::uint64_t jumps = 0;
  for (const Second& second : seconds_) jumps += second.jumps;
  take(points_for(kJumps, static_cast<double>(jumps)), HealthReason::kTimestampJumps);
  if (!tracks.video) return;
  take(points_for(kKeyInterval, newest_.key_interval_seconds), HealthReason::kLongKeyInterval);
  if (tracks.audio)
    take(points_for(kInterleaving, std::abs(newest_.interleaving_seconds)), HealthReason::kInterleaving);
  const Second window = last(10 * kSecond, kLeastFrames);
  const auto missing = static_cast<double>(window.dropped);
  if (window.seconds >= 5 && window.dropped >= 3)
    take(points_for(kDropped, missing / (missing + static_cast<double>(window.frames))),
         HealthReason::kDroppedFrames);
}

void StreamHealth::judge_pace(HealthTracks tracks) {
  const Second window = last(kPaceUs);
  if (window.length_us < kLeastPaceUs) return;
  if (window.paused >= 3)
    take(points_for(kPauses, static_cast<double>(window.paused) / window.seconds), HealthReason::kPauses);
  const std::int64_t late_us = window.length_us - window.media_us - (tracks.audio ? 0 : frame_us());
  if (late_us >= kSecond)
    take(points_for(kSlowness, seconds_of(late_us) / seconds_of(window.length_us)), HealthReason::kSlow);
}

// By the picture's own time stamps: how much of it came, and how evenly.
void StreamHealth::judge_frame_rate() {
  const Second window = last(5 * kSecond);
  if (window.seconds < 5) return;
  const std::int64_t late_us = window.length_us - window.video_us - 2 * frame_us();
  take(points_for(kFrameLoss, seconds_of(late_us) / seconds_of(window.length_us)),
       HealthReason::kLowFrameRate);
  const auto steady = static_cast<std::size_t>(last(kSteadySeconds * kSecond).seconds);
  if (steady < 8) return;
  double sum = 0, squares = 0;
  for (auto second = seconds_.end() - static_cast<std::ptrdiff_t>(steady); second != seconds_.end();
       ++second) {
    constexpr double kMostPace = 3;  // a jump of the time stamps is another thing
    const double pace = std::min(kMostPace, seconds_of(second->video_us) / seconds_of(second->length_us));
    sum += pace;
    squares += pace * pace;
  }
  const double mean = sum / static_cast<double>(steady);
  const double deviation = std::sqrt(std::max(0.0, squares / static_cast<double>(steady) - mean * mean));
  // Of frames that last about a second some seconds have none and others two.
  if (deviation >= 1.2 * seconds_of(frame_us()))
    take(points_for(kUnsteadiness, deviation), HealthReason::kUnsteadyFrameRate);
}

void StreamHealth::judge_bitrate() {
  if (static_cast<std::size_t>(last(kMaxSeconds * kSecond).seconds) < kUsualSecondsLeast) return;
  std::vector<double> rates;
  rates.reserve(seconds_.size());
  for (const Second& second : seconds_)
    rates.push_back(static_cast<double>(second.bytes) / seconds_of(second.length_us));
  const auto middle = rates.begin() + static_cast<std::ptrdiff_t>(rates.size() / 2);
  std::nth_element(rates.begin(), middle, rates.end());
  const Second window = last(5 * kSecond);
  const double now = static_cast<double>(window.bytes) / seconds_of(window.length_us);
  if (*middle > 0) take(points_for(kBitrateLoss, 1 - now / *middle), HealthReason::kLowBitrate);
}

void StreamHealth::record(WallTime wall) {
  now_.wall = wall;
  const bool open = !history_.empty() && wall - history_.back().wall < kIntervalSeconds * kSecond &&
                    wall >= history_.back().wall;
  if (!open) {
    history_.push_back(now_);
    if (history_.size() > kMaxPoints) history_.pop_front();
    return;
  }
  history_.back().score = std::min(history_.back().score, now_.score);
  history_.back().reasons |= now_.reasons;
}

}  // namespace millrace::metrics
