#include "ticker.hpp"

#include <algorithm>
#include <utility>

#include "base/survive.hpp"

namespace millrace::metrics {

Ticker::Ticker(std::chrono::milliseconds interval, std::function<void()> tick)
    : interval_(interval),
      tick_(std::move(tick)),
      thread_([this](const std::stop_token& stop) { run(stop); }) {}

void Ticker::run(const std::stop_token& stop) {
  using Clock = std::chrono::steady_clock;
  Clock::time_point next = Clock::now() + interval_;
  std::unique_lock lock(mutex_);
  while (!stop.stop_requested()) {
    stopped_.wait_until(lock, stop, next, [] { return false; });
    if (stop.stop_requested()) return;
    (void)survives("ticker", tick_);
    next = std::max(next + interval_, Clock::now());
  }
}

}  // namespace millrace::metrics
