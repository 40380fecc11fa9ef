// Threads for what waits for a disk, so that none of those that serve players does. Any thread.
#pragma once

#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace millrace::packaging {

class BoundedWorkers {
 public:
  static constexpr std::chrono::seconds kIdle{20};

  // now_and_then is called by a thread that has had nothing to do for kIdle.
  BoundedWorkers(
      std::size_t threads, std::size_t most_waiting, std::function<void()> now_and_then = [] {})
      : most_waiting_(most_waiting), now_and_then_(std::move(now_and_then)) {
    for (std::size_t i = 0; i < threads; ++i) threads_.emplace_back([this] { run(); });
  }
  // What waits is not done any more.
  ~BoundedWorkers() {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    wake_.notify_all();
    for (std::thread& thread : threads_) thread.join();
  }
  BoundedWorkers(const BoundedWorkers&) = delete;
  BoundedWorkers& operator=(const BoundedWorkers&) = delete;

  // False: as many wait as may.
  [[nodiscard]] bool post(std::function<void()> job) {
    {
      const std::lock_guard lock(mutex_);
      if (stopping_ || jobs_.size() >= most_waiting_) return false;
      jobs_.push_back(std::move(job));
    }
    wake_.notify_one();
    return true;
  }

 private:
  void run() {
    std::unique_lock lock(mutex_);
    while (true) {
      const bool woken = wake_.wait_for(lock, kIdle, [this] { return stopping_ || !jobs_.empty(); });
      if (stopping_) return;
      std::function<void()> job = now_and_then_;
      if (woken) {
        job = std::move(jobs_.front());
        jobs_.pop_front();
      }
      lock.unlock();
      job();
      job = nullptr;
      lock.lock();
    }
  }

  const std::size_t most_waiting_;
  const std::function<void()> now_and_then_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::function<void()>> jobs_;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace millrace::packaging
