// Ends the process when it makes no progress: a decoder or an encoder that loops is nothing that a signal
// would tell. Owner: the program; beat() on one thread.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <thread>

namespace millrace::transcoding {

class Watchdog {
 public:
  // Called on a thread of its own, once, when beat() was not called for so long.
  using Stuck = std::function<void()>;

  Watchdog(std::chrono::milliseconds patience, Stuck stuck);
  ~Watchdog();
  Watchdog(const Watchdog&) = delete;
  Watchdog& operator=(const Watchdog&) = delete;

  void beat() { ++beats_; }

 private:
  void watch();

  const std::chrono::milliseconds patience_;
  const Stuck stuck_;
  std::atomic<std::uint64_t> beats_{0};
  std::mutex mutex_;
  std::condition_variable ended_;
  bool end_ = false;
  std::thread thread_;
};

}  // namespace millrace::transcoding
