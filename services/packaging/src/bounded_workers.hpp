// Threads for what waits for a disk, so that none of those that serve players does. Any thread.
#pragma once

#include <chrono>
#include <condition_variable>
#include <deque>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "base/log.hpp"

namespace millrace::packaging {

class BoundedWorkers {
 public:
  static constexpr std::chrono::milliseconds kEvery{2'000};

  // now_and_then is called by one of the threads each time so long has passed, however much there is to do.
  BoundedWorkers(
      std::size_t threads, std::size_t most_waiting, std::function<void()> now_and_then = [] {},
      std::chrono::milliseconds every = kEvery)
      : most_waiting_(most_waiting),
        now_and_then_(std::move(now_and_then)),
        every_(every),
        next_(Clock::now() + every) {
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
  using Clock = std::chrono::steady_clock;

  void run() {
    std::unique_lock lock(mutex_);
    while (true) {
      const Clock::time_point next = next_;
      wake_.wait_until(lock, next, [this] { return stopping_ || !jobs_.empty(); });
      if (stopping_) return;
      std::function<void()> job;
      if (const Clock::time_point now = Clock::now(); now >= next_) {
        next_ = now + every_;
        job = now_and_then_;
      } else if (!jobs_.empty()) {
        job = std::move(jobs_.front());
        jobs_.pop_front();
      } else {
        continue;
      }
      lock.unlock();
      perform(job);
      job = nullptr;
      lock.lock();
    }
  }

  // One that fails, as where there is no memory, takes nobody else's thread with it.
  static void perform(const std::function<void()>& job) noexcept {
    try {
      job();
    } catch (const std::exception& error) {
      try {
        log::error("job failed", {{"reason", error.what()}});
      } catch (const std::exception&) {
        // Not even that can be said.
      }
    }
  }

  const std::size_t most_waiting_;
  const std::function<void()> now_and_then_;
  const std::chrono::milliseconds every_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::function<void()>> jobs_;
  Clock::time_point next_;  // now_and_then_
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace millrace::packaging
