// The threads that hash passwords, so that no decision waits for one: few, because each hash takes 64 MiB and
// a core, with a short queue, because a client that waits longer has gone.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace millrace::auth {

class HashPool {
 public:
  static constexpr unsigned kThreads = 2;
  static constexpr std::size_t kMaxWaiting = 16;

  explicit HashPool(unsigned threads = kThreads, std::size_t max_waiting = kMaxWaiting);
  ~HashPool() { stop(); }
  HashPool(const HashPool&) = delete;
  HashPool& operator=(const HashPool&) = delete;

  // Any thread, never waits. False: too many wait already, and work will not be called.
  [[nodiscard]] bool submit(std::function<void()> work);
  // What waits is dropped unworked, what is in work is waited for; nothing is taken any more.
  void stop();

 private:
  void run();

  const std::size_t max_waiting_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::function<void()>> waiting_;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace millrace::auth
