// How far a publication's records were reported: to the log's readers at once, on the bus when the first ones
// have come and when a part or a segment has ended, which is what players may wait for.
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
  // Of the log.
  struct Progress {
    std::uint64_t committed = 0;
    std::uint64_t closed_parts = 0;
    std::uint64_t media_sequence = 0;  // of the newest record
  };
  struct Step {
    bool wake_readers = false;  // there are new records
    bool announce = false;      // from first on
    std::uint64_t first = 0;
  };
  Step report(const Progress& progress) {
    state_ = State::kNone;
    const std::uint64_t committed = progress.committed;
    Step step{.wake_readers = committed > std::exchange(woken_, committed), .first = announced_};
    step.announce = committed != announced_ && ends_something(progress);
    if (!step.announce) return step;
    announced_ = committed;
    closed_parts_ = progress.closed_parts;
    media_sequence_ = progress.media_sequence;
    return step;
  }
  std::uint64_t announced() const { return announced_; }
  // Something of it was not announced.
  bool is_behind(const Progress& progress) const {
    return progress.committed != announced_ || ends_something(progress);
  }

 private:
  // No segment has the number 0: the first records do.
  bool ends_something(const Progress& progress) const {
    return progress.closed_parts != closed_parts_ || progress.media_sequence != media_sequence_;
  }

  enum class State : std::uint8_t { kNone, kDue, kListed };

  State state_ = State::kNone;
  std::uint64_t woken_ = 0;           // records that readers were notified of
  std::uint64_t announced_ = 0;       // records
  std::uint64_t closed_parts_ = 0;    // as announced
  std::uint64_t media_sequence_ = 0;  // as announced
};

}  // namespace millrace::ingest
