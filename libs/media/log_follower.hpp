// Follows one log for one consumer: where to begin, what comes next, and what becomes of a consumer that is
// slow.
//
//   not begun ──begin(): a key frame──> begun ──look()──> records, nothing yet, ended, lost
//       ^                                 │
//       └─ restart(); lost and no ────────┤ lag(): slow or lost
//          key frame to go on with        └──skip()──> at the newest key frame, or too slow
//
// The log is passed in: consumers of one stream may share a reader. Times are of the monotonic clock that the
// records' arrivals are given in. Cost of a record: no allocation, no copy of its payload.
//
// Owner: a consumer; its thread. No clock, no socket.
#pragma once

#include <cstdint>
#include <optional>

#include "media/log_place.hpp"

namespace millrace::media {

// What a consumer is granted that is behind.
struct SkipPolicy {
  static constexpr std::int64_t kNever = INT64_MAX;

  std::int64_t slow_us;                 // further behind: it is to skip
  std::int64_t hopeless_us = kNever;    // further behind: a skip would not help
  std::int64_t skip_again_us = 0;       // a second skip within this is one too many
  std::int64_t catch_up_us = 0;         // so long after the beginning it is not judged
  std::int64_t catch_up_oldest_us = 0;  // the same when it began with the oldest key frame
};

enum class LogBeginning : std::uint8_t {
  kNewestKey,  // the newest key frame that the log has
  kNextKey,    // the next one that comes
  kOldestKey,  // everything that the log still has
};

class LogFollower {
 public:
  enum class Look : std::uint8_t {
    kRecords,  // the window has some
    kNothing,  // not yet
    kEnded,    // nor ever
    kLost,     // the log has recycled what comes next: skip(), or give up in mid-message
  };
  enum class Lag : std::uint8_t { kNone, kSlow, kHopeless, kLost };

  explicit LogFollower(const SkipPolicy& policy) : policy_(policy) {}

  // Begins again, in the same log or the next. A message that was begun is to be sent to its end first, so
  // not in mid-message where the log is another one. Skips stay remembered.
  void restart();
  // Stands at a key frame of the picture (of sound where there is no picture) and returns its record: what
  // configurations.begin() asks for. nullopt: there is none yet. not_before: of kNextKey.
  std::optional<SampleRecord> begin(const LogReader& log, std::int64_t now_us,
                                    LogBeginning from = LogBeginning::kNewestKey,
                                    std::uint64_t not_before = 0);
  bool begun() const { return begun_; }

  LogPlace& place() { return place_; }
  const LogPlace& place() const { return place_; }

  // Reads at most that many records from its place on, before end, into the window; the first is taken or was
  // begun. Passes over what is not taken. Moves the log's cursor where it has to ask why there is no record.
  template <class Takes>
  Look look(LogReader& log, std::uint64_t end, std::size_t most, LogWindow& window, Takes&& takes);

  // How much younger the newest record before committed is than the next; 0 when there is none, INT64_MAX
  // when the next one is gone.
  std::int64_t behind_us(const LogReader& log, std::uint64_t committed) const;
  Lag lag(const LogReader& log, std::uint64_t committed, std::int64_t now_us) const;
  // To the newest key frame, if that is ahead; how many records are left out. 0: it stays where it is, or
  // begins again if its place is gone. nullopt: it has skipped too lately. Not in mid-message.
  std::optional<std::uint64_t> skip(const LogReader& log, std::int64_t now_us);

 private:
  Look why_none(LogReader& log) const;

  SkipPolicy policy_;
  LogPlace place_;
  bool begun_ = false;
  std::int64_t catch_up_until_us_ = INT64_MIN;
  std::int64_t skipped_us_ = INT64_MIN / 2;
};

template <class Takes>
LogFollower::Look LogFollower::look(LogReader& log, std::uint64_t end, std::size_t most, LogWindow& window,
                                    Takes&& takes) {
  while (place_.next < end) {
    window.fill(log, place_.next, end - place_.next > most ? place_.next + most : end);
    if (place_.pass_over(window, takes)) return Look::kRecords;
    // kRecords: it came after the window was filled.
    const Look why = window.empty() ? why_none(log) : Look::kRecords;
    if (why != Look::kRecords) return why;
  }
  return Look::kNothing;
}

}  // namespace millrace::media
