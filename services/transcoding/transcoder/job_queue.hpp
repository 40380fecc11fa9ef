// A bounded queue from one thread to one other; who puts something in waits until there is room.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <mutex>
#include <optional>
#include <utility>

namespace millrace::transcoding {

template <class Job>
class JobQueue {
 public:
  explicit JobQueue(std::size_t most) : most_(most) {}

  // False: it is closed, and the job is not in it.
  bool put(Job job) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return closed_ || jobs_.size() < most_; });
    if (closed_) return false;
    jobs_.push_back(std::move(job));
    changed_.notify_all();
    return true;
  }
  // Waits; nullopt: it is closed, and what was in it is taken.
  std::optional<Job> take() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return closed_ || !jobs_.empty(); });
    if (jobs_.empty()) return std::nullopt;
    std::optional<Job> job(std::move(jobs_.front()));
    jobs_.pop_front();
    changed_.notify_all();
    return job;
  }
  void close() {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    changed_.notify_all();
  }
  std::size_t size() const {
    const std::lock_guard lock(mutex_);
    return jobs_.size();
  }

 private:
  const std::size_t most_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Job> jobs_;
  bool closed_ = false;
};

}  // namespace millrace::transcoding
