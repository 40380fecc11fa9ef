// When to try again what failed: after 1 s, then twice as long each time, up to a limit.
#pragma once

#include <algorithm>
#include <cstdint>

namespace millrace::recording {

class Retry {
 public:
  static constexpr std::int64_t kFirstUs = 1'000'000;
  static constexpr std::int64_t kLimitUs = 10'000'000;

  explicit Retry(std::int64_t limit_us = kLimitUs) : limit_us_(limit_us) {}

  void failed(std::int64_t monotonic_us) {
    delay_us_ = delay_us_ == 0 ? kFirstUs : std::min(delay_us_ * 2, limit_us_);
    due_us_ = monotonic_us + delay_us_;
  }
  void succeeded() { delay_us_ = due_us_ = 0; }
  bool due(std::int64_t monotonic_us) const { return monotonic_us >= due_us_; }
  std::int64_t due_us() const { return due_us_; }

 private:
  std::int64_t limit_us_;
  std::int64_t delay_us_ = 0;
  std::int64_t due_us_ = 0;
};

}  // namespace millrace::recording
