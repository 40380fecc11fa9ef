// When to look at the sockets again: at once while the core is free, gathered under load. Sans-IO.
//
// A wake-up costs more than the bytes it brings (a message each: 2.6 CPU s/GB, every 10 ms: 0.45). So the
// policy counts wake-ups; above kBusyWakeUps a window it lets delay_us pass before the next look, and returns
// to acting at once when a window brings fewer than kCalmEvents ready sockets.
//
// Where each ready socket brings much anyway (a publisher that sends as fast as it can) there is nothing to
// gather: what lies in the sockets meanwhile only leaves the processor's caches.
#pragma once

#include <cstdint>

namespace millrace::net {

class GatherPolicy {
 public:
  static constexpr std::int64_t kWindowUs = 100'000;
  static constexpr std::uint32_t kBusyWakeUps = 100;
  static constexpr std::uint32_t kCalmEvents = 80;
  // Bytes per ready socket, on a window's average: not gathered from the first on, no longer from the second,
  // since more of them come together in a delay.
  static constexpr std::uint64_t kMuchAtOnce = 64U << 10;
  static constexpr std::uint64_t kMuchGathered = 256U << 10;

  // delay_us: how long to gather under load; 0 never gathers.
  explicit GatherPolicy(std::int64_t delay_us = 10'000) : delay_us_(delay_us) {}

  // After a wake-up that found events ready sockets and brought bytes from them: microseconds to wait before
  // the next look.
  std::int64_t after_wake_up(std::int64_t now_us, std::uint32_t events, std::uint64_t bytes);
  bool gathering() const { return gathering_; }

 private:
  bool brings_much() const {
    return events_ > 0 && bytes_ >= events_ * (gathering_ ? kMuchGathered : kMuchAtOnce);
  }

  std::int64_t delay_us_;
  std::int64_t window_start_us_ = 0;
  std::uint32_t wake_ups_ = 0;
  std::uint64_t events_ = 0;
  std::uint64_t bytes_ = 0;
  bool gathering_ = false;
};

}  // namespace millrace::net
