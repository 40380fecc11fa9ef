#include "publication.hpp"

#include <exception>

namespace millrace::recording {
namespace {

std::string source_of(const media::LogInfo& info) {
  return info.stream_id + "/" + std::to_string(info.publication_id);
}

}  // namespace

bool Publication::step(std::int64_t monotonic_us, Reporter& reporter, FinishQueue& finish_queue) {
  const std::lock_guard lock(mutex_);
  if (suspended_ || ended_ || !retry_.due(monotonic_us)) return false;
  const Progress progress = try_step(monotonic_us);
  report(progress, monotonic_us, reporter, finish_queue);
  return progress.more && !progress.failure;
}

// Whatever a library throws (out of memory) costs the recording's state only: the next step begins from the
// disk.
Progress Publication::try_step(std::int64_t monotonic_us) {
  Progress progress;
  try {
    if (!recording_) {
      auto opened = Recording::open(*arena_, info_, directory_);
      if (!opened) {
        progress.failure = opened.error();
        return progress;
      }
      recording_ = std::move(*opened);
    }
    return recording_->step(monotonic_us);
  } catch (const std::exception& exception) {
    recording_.reset();
    progress.failure = Error{"recording.io", exception.what()};
    return progress;
  }
}

void Publication::suspend(std::int64_t monotonic_us, Reporter& reporter, FinishQueue& finish_queue) {
  const std::lock_guard lock(mutex_);
  suspended_ = true;
  if (!recording_ || ended_) return;
  report(recording_->suspend(monotonic_us), monotonic_us, reporter, finish_queue);
  recording_.reset();
}

void Publication::report(const Progress& progress, std::int64_t monotonic_us, Reporter& reporter,
                         FinishQueue& finish_queue) {
  reporter.progressed(info_, progress);
  for (const std::string& stem : progress.complete) finish_queue.add(stem, info_.stream_id);
  if (progress.failure) {
    retry_.failed(monotonic_us);
    reporter.failing(source_of(info_), info_.stream_id, {}, *progress.failure);
    return;
  }
  retry_.succeeded();
  if (progress.lost_samples > 0) {
    reporter.failing(source_of(info_), info_.stream_id, {},
                     {"recording.lagged", std::to_string(progress.lost_samples) + " samples were lost"});
  } else {
    reporter.recovered(source_of(info_));
  }
  if (!progress.ended) return;
  reporter.recovered(source_of(info_));
  recording_.reset();
  ended_ = true;
}

}  // namespace millrace::recording
