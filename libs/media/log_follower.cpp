#include "media/log_follower.hpp"

#include <algorithm>
#include <utility>
#include <variant>

namespace millrace::media {

namespace {

constexpr std::uint64_t kMaxSearch = 65'536;  // records that are looked at for the oldest key frame

std::uint64_t oldest_key(const LogReader& log, const SampleRecord& newest) {
  const std::uint64_t end = newest.sequence;
  for (std::uint64_t at = std::max(log.info().first, end - std::min(end, kMaxSearch)); at < end; ++at) {
    const auto found = log.at(at);
    if (!found) continue;
    const bool key = (found->record.flags & kSampleKey) != 0;
    if (newest.track != kVideoTrack || (key && found->record.track == kVideoTrack)) return at;
  }
  return end;
}

std::optional<std::uint64_t> beginning(const LogReader& log, LogBeginning from, std::uint64_t not_before) {
  const std::optional<std::uint64_t> newest = log.newest_key();
  if (!newest || (from == LogBeginning::kNextKey && *newest < not_before)) return std::nullopt;
  if (from != LogBeginning::kOldestKey) return newest;
  const auto sample = log.at(*newest);
  return sample ? std::optional(oldest_key(log, sample->record)) : std::nullopt;
}

}  // namespace

void LogFollower::restart() {
  begun_ = false;
  place_.configurations.forget();
}

std::optional<SampleRecord> LogFollower::begin(const LogReader& log, std::int64_t now_us, LogBeginning from,
                                               std::uint64_t not_before) {
  const std::optional<std::uint64_t> key = beginning(log, from, not_before);
  const auto sample = key ? log.at(*key) : std::nullopt;
  if (!sample) return std::nullopt;
  begun_ = true;
  place_.next = *key;
  catch_up_until_us_ =
      now_us + (from == LogBeginning::kOldestKey ? policy_.catch_up_oldest_us : policy_.catch_up_us);
  return sample->record;
}

LogFollower::Look LogFollower::why_none(LogReader& log) const {
  log.seek(place_.next);
  const LogReader::Read read = log.read();
  if (std::holds_alternative<LogReader::Nothing>(read)) return Look::kNothing;
  if (std::holds_alternative<LogReader::Ended>(read)) return Look::kEnded;
  return std::holds_alternative<LogReader::Lagged>(read) ? Look::kLost : Look::kRecords;
}

std::int64_t LogFollower::behind_us(const LogReader& log, std::uint64_t committed) const {
  const bool stands = begun_ || place_.in_message();
  const auto newest = stands && place_.next < committed ? log.at(committed - 1) : std::nullopt;
  if (!newest) return 0;
  const auto next = log.at(place_.next);
  return next ? newest->record.arrival_us - next->record.arrival_us : INT64_MAX;
}

LogFollower::Lag LogFollower::lag(const LogReader& log, std::uint64_t committed, std::int64_t now_us) const {
  if (now_us < catch_up_until_us_) return Lag::kNone;
  const std::int64_t behind = behind_us(log, committed);
  if (behind == INT64_MAX) return Lag::kLost;
  if (behind > policy_.hopeless_us) return Lag::kHopeless;
  return behind > policy_.slow_us ? Lag::kSlow : Lag::kNone;
}

std::optional<std::uint64_t> LogFollower::skip(const LogReader& log, std::int64_t now_us) {
  if (!begun_) return 0;
  const std::optional<std::uint64_t> key = log.newest_key();
  if (!key || *key <= place_.next) {
    if (!log.at(place_.next)) restart();
    return 0;
  }
  if (now_us - skipped_us_ < policy_.skip_again_us) return std::nullopt;
  skipped_us_ = now_us;
  return *key - std::exchange(place_.next, *key);
}

}  // namespace millrace::media
