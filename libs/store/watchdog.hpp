// Ends a conversation over a socket that takes too long. libpq waits for an answer without an end, and a
// server that stands still keeps acknowledging bytes, so that no option of TCP notices it. Private to
// libs/store.
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <thread>

namespace millrace::store {

// A thread of its own, that shuts the socket down at the deadline: the thread that waits for it sees its end.
class Watchdog {
 public:
  using Clock = std::chrono::steady_clock;

  // Of a duplicate, so that a number which somebody else was given meanwhile is never shut down.
  // Out of descriptors it has none, and guards nothing.
  explicit Watchdog(int socket);
  ~Watchdog();
  Watchdog(const Watchdog&) = delete;
  Watchdog& operator=(const Watchdog&) = delete;

  bool guards() const { return socket_ >= 0; }
  void arm(Clock::time_point deadline);
  // True when it was too late. The socket is of no use then.
  bool disarm();

 private:
  void watch();

  const int socket_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::optional<Clock::time_point> deadline_;
  bool fired_ = false;
  bool over_ = false;
  std::thread thread_;
};

}  // namespace millrace::store
