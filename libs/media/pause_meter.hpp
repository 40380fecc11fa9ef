// The longest time between two arrivals since it was asked last. One thread reports arrivals, any thread
// asks; no lock, two stores an arrival. Times are monotonic microseconds, passed in.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>

namespace millrace::media {

class PauseMeter {
 public:
  void arrived(std::int64_t now_us) {
    const std::int64_t before_us = newest_us_.load(std::memory_order_relaxed);
    newest_us_.store(now_us, std::memory_order_relaxed);
    if (before_us == 0) return;
    std::int64_t longest_us = longest_us_.load(std::memory_order_relaxed);
    while (now_us - before_us > longest_us &&
           !longest_us_.compare_exchange_weak(longest_us, now_us - before_us, std::memory_order_relaxed)) {
    }
  }

  // One that goes on counts as long as it is by now; 0 before the first arrival.
  std::uint64_t take(std::int64_t now_us) {
    const std::int64_t newest_us = newest_us_.load(std::memory_order_relaxed);
    const std::int64_t ended_us = longest_us_.exchange(0, std::memory_order_relaxed);
    const std::int64_t lasting_us = newest_us == 0 ? 0 : now_us - newest_us;
    return static_cast<std::uint64_t>(std::max<std::int64_t>({ended_us, lasting_us, 0}));
  }

 private:
  std::atomic<std::int64_t> newest_us_{0};  // 0: none yet
  std::atomic<std::int64_t> longest_us_{0};
};

}  // namespace millrace::media
