#include "finish_queue.hpp"

#include <algorithm>

#include "base/clock.hpp"

namespace millrace::recording {

FinishQueue::FinishQueue(std::string directory, Reporter& reporter)
    : directory_(std::move(directory)), reporter_(reporter), thread_([this] { run(); }) {}

FinishQueue::~FinishQueue() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

void FinishQueue::add(const std::string& stem, const std::string& stream_id) {
  {
    const std::lock_guard lock(mutex_);
    jobs_.try_emplace(stem, Job{stream_id, {}, false});
    reporter_.metrics().waiting_to_finish(jobs_.size());
  }
  changed_.notify_all();
}

bool FinishQueue::nothing_new() const {
  return std::all_of(jobs_.begin(), jobs_.end(), [](const auto& entry) { return entry.second.failed; });
}

void FinishQueue::wait(std::chrono::steady_clock::time_point deadline) {
  std::unique_lock lock(mutex_);
  changed_.wait_until(lock, deadline, [this] { return nothing_new(); });
}

std::map<std::string, FinishQueue::Job>::iterator FinishQueue::next_due() {
  return std::min_element(jobs_.begin(), jobs_.end(), [](const auto& a, const auto& b) {
    return a.second.retry.due_us() < b.second.retry.due_us();
  });
}

void FinishQueue::run() {
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    const auto next = next_due();
    if (next == jobs_.end()) {
      changed_.wait(lock);
      continue;
    }
    const std::int64_t now_us = monotonic_us();
    if (!next->second.retry.due(now_us)) {
      changed_.wait_for(lock, std::chrono::microseconds(next->second.retry.due_us() - now_us));
      continue;
    }
    const std::string stem = next->first;
    const Job job = next->second;
    lock.unlock();
    finish(stem, job);
    lock.lock();
  }
}

void FinishQueue::finish(const std::string& stem, Job job) {
  const std::string source = "finish/" + stem;
  const auto finished = finish_file(directory_, stem, stopping_);
  if (!finished && stopping_) return;
  if (finished) {
    reporter_.recovered(source);
    reporter_.finished(stem, *finished);
  } else {
    reporter_.failing(source, job.stream_id, stem, finished.error());
    job.failed = true;
    job.retry.failed(monotonic_us());
  }
  {
    const std::lock_guard lock(mutex_);
    if (finished) {
      jobs_.erase(stem);
    } else {
      jobs_[stem] = job;
    }
    reporter_.metrics().waiting_to_finish(jobs_.size());
  }
  changed_.notify_all();
}

}  // namespace millrace::recording
