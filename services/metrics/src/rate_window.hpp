// The rate of a counter over the last seconds, from samples that carry their own time. No clock.
#pragma once

#include <cstdint>
#include <deque>

namespace millrace::metrics {

class RateWindow {
 public:
  // Samples older than the window (before the newest one) are dropped; at most kMaxSamples are kept.
  explicit RateWindow(std::int64_t window_us) : window_us_(window_us) {}

  // A time that does not advance is ignored; a counter that fell begins again.
  void add(std::int64_t time_us, std::uint64_t count);
  // Per second; zero until there are two samples, and when the newest is older than the window.
  double rate(std::int64_t now_us) const;
  // How much the counter grew within the window; zero likewise.
  double increase(std::int64_t now_us) const;

 private:
  static constexpr std::size_t kMaxSamples = 64;
  struct Sample {
    std::int64_t time_us;
    std::uint64_t count;
  };

  std::int64_t window_us_;
  std::deque<Sample> samples_;
};

}  // namespace millrace::metrics
