#include "net/gather_policy.hpp"

namespace millrace::net {

std::int64_t GatherPolicy::after_wake_up(std::int64_t now_us, std::uint32_t events, std::uint64_t bytes) {
  ++wake_ups_;
  events_ += events;
  bytes_ += bytes;
  const bool window_over = now_us - window_start_us_ >= kWindowUs;
  if (!gathering_ && wake_ups_ > kBusyWakeUps && !window_over) gathering_ = !brings_much();
  if (window_over) {
    if (gathering_ && (events_ < kCalmEvents || brings_much())) gathering_ = false;
    window_start_us_ = now_us;
    wake_ups_ = 0;
    events_ = 0;
    bytes_ = 0;
  }
  return gathering_ ? delay_us_ : 0;
}

}  // namespace millrace::net
