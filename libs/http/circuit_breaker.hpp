// Stops asking a server that does not answer, so that its callers get an error at once, and finds out
// with single probes when it is back.
//
//   closed ──failures in a row──> open ──pause over──> half open (one call goes through)
//     ^                            ^                      │ │
//     └────────── success ─────────┼──────────────────────┘ │
//                                  └── failure: twice the pause, up to the limit
//
// Sans-IO; one owner; times are monotonic microseconds, passed in.
#pragma once

#include <algorithm>
#include <cstdint>

namespace millrace::http {

class CircuitBreaker {
 public:
  struct Limits {
    unsigned failures = 5;
    std::int64_t first_pause_us = 1'000'000;
    std::int64_t longest_pause_us = 30'000'000;
  };
  enum class State : std::uint8_t { kClosed, kOpen, kHalfOpen };

  CircuitBreaker() : CircuitBreaker(Limits()) {}
  explicit CircuitBreaker(Limits limits) : limits_(limits), pause_us_(limits.first_pause_us) {}

  // May the caller call now? In half open the first one may; should its outcome never be reported, another
  // may after a pause.
  bool admit(std::int64_t now_us) {
    if (state_ == State::kClosed) return true;
    if (now_us < open_until_us_) return false;
    state_ = State::kHalfOpen;
    open_until_us_ = now_us + pause_us_;
    return true;
  }
  void succeeded() {
    state_ = State::kClosed;
    failures_ = 0;
    pause_us_ = limits_.first_pause_us;
  }
  void failed(std::int64_t now_us) {
    if (state_ == State::kOpen) return;  // began before it opened
    if (state_ == State::kClosed && ++failures_ < limits_.failures) return;
    if (state_ == State::kHalfOpen) pause_us_ = std::min(2 * pause_us_, limits_.longest_pause_us);
    state_ = State::kOpen;
    failures_ = 0;
    open_until_us_ = now_us + pause_us_;
  }
  State state() const { return state_; }

 private:
  Limits limits_;
  State state_ = State::kClosed;
  unsigned failures_ = 0;
  std::int64_t pause_us_;
  std::int64_t open_until_us_ = 0;
};

}  // namespace millrace::http
