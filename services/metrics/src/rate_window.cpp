#include "rate_window.hpp"

namespace millrace::metrics {

void RateWindow::add(std::int64_t time_us, std::uint64_t count) {
  if (!samples_.empty()) {
    if (time_us <= samples_.back().time_us) return;
    if (count < samples_.back().count) samples_.clear();
  }
  samples_.push_back({time_us, count});
  // The sample at the window's edge stays: the rate spans the whole window, not one interval less.
  while (samples_.size() > kMaxSamples ||
         (samples_.size() > 2 && samples_[1].time_us <= time_us - window_us_)) {
    samples_.pop_front();
  }
}

double RateWindow::increase(std::int64_t now_us) const {
  if (samples_.size() < 2 || now_us - samples_.back().time_us > window_us_) return 0;
  return static_cast<double>(samples_.back().count - samples_.front().count);
}

double RateWindow::rate(std::int64_t now_us) const {
  const double count = increase(now_us);
  if (count <= 0) return 0;
  return count * 1e6 / static_cast<double>(samples_.back().time_us - samples_.front().time_us);
}

}  // namespace millrace::metrics
