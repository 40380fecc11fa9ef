#include "finish_queue.hpp"

#include <algorithm>
#include <exception>
#include <vector>

#include "base/clock.hpp"
#include "errors.hpp"

namespace millrace::recording {

FinishQueue::FinishQueue(Finish finish, Reporter& reporter)
    : finish_(std::move(finish)), reporter_(reporter), thread_([this] { run(); }) {}

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
    jobs_.try_emplace(stem, Job{.stream_id = stream_id, .outcome = {}});
    reporter_.metrics().waiting_to_finish(jobs_.size());
  }
  changed_.notify_all();
}

bool FinishQueue::forget(const std::string& stream_id) {
  std::vector<std::string> forgotten;
  bool none_left = true;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [stem, job] : jobs_) {
      if (job.stream_id != stream_id) continue;
      if (stem == at_work_) {
        none_left = false;
      } else {
        forgotten.push_back(stem);
      }
    }
    for (const std::string& stem : forgotten) jobs_.erase(stem);
    reporter_.metrics().waiting_to_finish(jobs_.size());
  }
  for (const std::string& stem : forgotten) {
    reporter_.recovered("finish/" + stem);
    reporter_.finished(stem, {.empty = true});
  }
  return none_left;
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

// An exception anywhere here costs one turn: the job stays, with its outcome, until that was reported.
void FinishQueue::run() {
  constexpr std::chrono::seconds kAfterException{1};
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    try {
      finish_next(lock);
    } catch (const std::exception& exception) {
      if (!lock.owns_lock()) lock.lock();
      at_work_.clear();
      changed_.wait_for(lock, kAfterException, [this] { return stopping_.load(); });
    }
  }
}

void FinishQueue::finish_next(std::unique_lock<std::mutex>& lock) {
  const auto next = next_due();
  if (next == jobs_.end()) return changed_.wait(lock);
  const std::int64_t now_us = monotonic_us();
  if (!next->second.retry.due(now_us)) {
    changed_.wait_for(lock, std::chrono::microseconds(next->second.retry.due_us() - now_us));
    return;
  }
  const std::string& stem = next->first;
  Job& job = next->second;
  at_work_ = stem;
  lock.unlock();
  if (!job.outcome) job.outcome = try_finish(stem);
  if (!*job.outcome && stopping_) return lock.lock();
  lock.lock();
  job.retry.failed(monotonic_us());
  lock.unlock();
  report(stem, job);
  lock.lock();
  at_work_.clear();
  if (*job.outcome || job.outcome->error().code == recording::errors::kDamaged) {
    jobs_.erase(next);
  } else {
    job.failed = true;
    job.outcome.reset();
    job.failure_reported = false;
  }
  reporter_.metrics().waiting_to_finish(jobs_.size());
  changed_.notify_all();
}

Result<FinishedFile> FinishQueue::try_finish(const std::string& stem) {
  try {
    return finish_(stem, stopping_);
  } catch (const std::exception& exception) {
    return fail("recording.exception", exception.what());
  }
}

void FinishQueue::report(const std::string& stem, Job& job) {
  const std::string source = "finish/" + stem;
  const Result<FinishedFile>& finished = *job.outcome;
  if (finished) {
    reporter_.recovered(source);
    reporter_.finished(stem, *finished);
    return;
  }
  if (!job.failure_reported) reporter_.failing(source, job.stream_id, stem, finished.error());
  job.failure_reported = true;
  if (finished.error().code == recording::errors::kDamaged) reporter_.finished(stem, {.empty = true});
}

}  // namespace millrace::recording
