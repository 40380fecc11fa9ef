#include "watchdog.hpp"

namespace millrace::transcoding {

Watchdog::Watchdog(std::chrono::milliseconds patience, Stuck stuck)
    : patience_(patience), stuck_(std::move(stuck)), thread_([this] { watch(); }) {}

Watchdog::~Watchdog() {
  {
    const std::lock_guard lock(mutex_);
    end_ = true;
  }
  ended_.notify_all();
  thread_.join();
}

void Watchdog::watch() {
  std::unique_lock lock(mutex_);
  std::uint64_t seen = beats_;
  while (!ended_.wait_for(lock, patience_, [this] { return end_; })) {
    const std::uint64_t now = beats_;
    if (now == seen) {
      stuck_();
      return;
    }
    seen = now;
  }
}

}  // namespace millrace::transcoding
