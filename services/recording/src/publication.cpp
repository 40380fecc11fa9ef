#include "publication.hpp"

#include <exception>

#include "base/clock.hpp"
#include "errors.hpp"

namespace millrace::recording {
namespace {

std::string source_of(const media::LogInfo& info) {
  return info.stream_id + "/" + std::to_string(number_of(info.publication_id));
}

}  // namespace

Publication::Publication(std::shared_ptr<media::ArenaReader> arena, media::LogInfo info,
                         std::string directory, FileLimits file_limits, std::int64_t return_grace_us,
                         std::shared_ptr<Publication> predecessor)
    : info_(std::move(info)),
      arena_(std::move(arena)),
      directory_(std::move(directory)),
      file_limits_(file_limits),
      return_grace_us_(return_grace_us),
      predecessor_(std::move(predecessor)) {
  if (predecessor_) predecessor_->successor_known_ = true;
}

bool Publication::step(std::int64_t monotonic_us, Reporter& reporter, FinishQueue& finish_queue) {
  const std::lock_guard lock(mutex_);
  if (suspended_ || ended_) return false;
  if (!unreported_) {
    if (!retry_.due(monotonic_us)) return false;
    unreported_ = try_step(monotonic_us, reporter, finish_queue);
  }
  return report(monotonic_us, reporter, finish_queue);
}

// Whatever a library throws (out of memory) costs the recording's state only: the next step begins from the
// disk.
Progress Publication::try_step(std::int64_t monotonic_us, Reporter& reporter, FinishQueue& finish_queue) {
  Progress progress;
  try {
    if (!recording_) {
      auto opened = open(reporter, finish_queue);
      if (!opened) {
        progress.failure = opened.error();
        return progress;
      }
      recording_ = std::move(*opened);
    }
    const bool may_return = return_expected_ && return_grace_us_ > 0;
    return recording_->step(monotonic_us, {may_return ? return_grace_us_ : 0, successor_known_});
  } catch (const std::exception& exception) {
    recording_.reset();
    progress.failure = Error{recording::errors::kIo, exception.what()};
    return progress;
  }
}

Result<Recording> Publication::open(Reporter& reporter, FinishQueue& finish_queue) {
  auto opened =
      Recording::open(*arena_, info_, directory_, {.file = file_limits_}, [&](std::int64_t first_arrival_us) {
        return ask_predecessor(first_arrival_us, reporter, finish_queue);
      });
  if (opened && predecessor_) {
    predecessor_->successor_known_ = false;
    predecessor_.reset();
  }
  return opened;
}

// What the predecessor has not written yet is written first, here: its own next step may be far off.
std::optional<Recording::Handover> Publication::ask_predecessor(std::int64_t first_arrival_us,
                                                                Reporter& reporter,
                                                                FinishQueue& finish_queue) {
  if (!predecessor_) return std::nullopt;
  while (predecessor_->step(millrace::monotonic_us(), reporter, finish_queue)) {
  }
  return predecessor_->hand_over(first_arrival_us);
}

std::optional<Recording::Handover> Publication::hand_over(std::int64_t first_arrival_us) {
  const std::lock_guard lock(mutex_);
  if (!recording_ || suspended_ || ended_) return std::nullopt;
  auto handover = recording_->hand_over(first_arrival_us, return_grace_us_);
  if (!handover) return std::nullopt;
  recording_.reset();
  ended_ = true;
  return handover;
}

void Publication::suspend(std::int64_t monotonic_us, Reporter& reporter, FinishQueue& finish_queue) {
  const std::lock_guard lock(mutex_);
  suspended_ = true;
  if (ended_) return;
  std::optional<Progress> suspended;
  if (recording_ && !(unreported_ && unreported_->ended)) suspended = try_suspend(monotonic_us);
  recording_.reset();
  if (unreported_) report(monotonic_us, reporter, finish_queue);
  if (ended_ || !suspended) return;
  unreported_ = std::move(suspended);
  report(monotonic_us, reporter, finish_queue);
}

Progress Publication::try_suspend(std::int64_t monotonic_us) {
  try {
    return recording_->suspend(monotonic_us);
  } catch (const std::exception& exception) {
    Progress progress;
    progress.failure = Error{recording::errors::kIo, exception.what()};
    return progress;
  }
}

void Publication::report_failure(const Progress& progress, Reporter& reporter) {
  if (progress.failure) {
    reporter.failing(source_of(info_), info_.stream_id, {}, *progress.failure);
  } else if (progress.lost_samples > 0) {
    reporter.failing(source_of(info_), info_.stream_id, {},
                     {"recording.lagged", std::to_string(progress.lost_samples) + " samples were lost"});
  }
}

// What a publish throws (out of memory) leaves the rest to the next call.
bool Publication::report(std::int64_t monotonic_us, Reporter& reporter, FinishQueue& finish_queue) {
  Progress& progress = *unreported_;
  for (; !progress.begun.empty(); progress.begun.erase(progress.begun.begin()))
    reporter.begun(info_, progress.begun.front());
  for (; !progress.complete.empty(); progress.complete.erase(progress.complete.begin()))
    finish_queue.add(progress.complete.front(), info_.stream_id);
  if (!failure_reported_) report_failure(progress, reporter);
  failure_reported_ = true;
  if (!progress.failure && (progress.lost_samples == 0 || progress.ended))
    reporter.recovered(source_of(info_));
  reporter.progressed(info_, progress);
  const Progress reported = *std::exchange(unreported_, std::nullopt);
  failure_reported_ = false;
  if (reported.failure) {
    retry_.failed(monotonic_us);
    return false;
  }
  retry_.succeeded();
  if (reported.ended) {
    recording_.reset();
    ended_ = true;
  }
  return reported.more;
}

}  // namespace millrace::recording
