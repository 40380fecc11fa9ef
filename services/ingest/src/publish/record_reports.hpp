// How far a publication's records were reported: to the log's readers at once, on the bus at most once per
// interval.
//
// Sans-IO, plain data; one thread at a time.
#pragma once

#include <cstdint>
#include <utility>

namespace millrace::ingest {

class RecordReports {
 public:
  RecordReports() = default;
  // Records before this one are nobody's concern.
  explicit RecordReports(std::uint64_t first) : woken_(first), announced_(first) {}

  // There may be something to report.
  void note() {
    if (state_ == State::kNone) state_ = State::kDue;
  }
  // True once after that, until report().
  bool due() {
    if (state_ != State::kDue) return false;
    state_ = State::kListed;
    return true;
  }
  struct Step {
    bool wake_readers = false;  // there are new records
    bool announce = false;      // from first on
    bool early = false;         // for the bus: report again later, without note()
    std::uint64_t first = 0;
  };
  Step report(std::uint64_t committed, std::int64_t now_us, std::int64_t interval_us) {
    state_ = State::kNone;
    Step step{.wake_readers = committed > std::exchange(woken_, committed), .first = announced_};
    if (committed == announced_) return step;
    step.early = now_us - announced_us_ < interval_us;
    if (step.early) {
      state_ = State::kListed;
      return step;
    }
    step.announce = true;
    announced_ = committed;
    announced_us_ = now_us;
    return step;
  }
  std::uint64_t announced() const { return announced_; }

 private:
  enum class State : std::uint8_t { kNone, kDue, kListed };

  State state_ = State::kNone;
  std::uint64_t woken_ = 0;      // records that readers were notified of
  std::uint64_t announced_ = 0;  // records
  std::int64_t announced_us_ = 0;
};

}  // namespace millrace::ingest
