// One publication in the media log, and its recording. It outlives its actor: a restarted actor finds it
// here, and two never work on the same file, for the recording is used under its mutex only.
//
// A publication that comes back after a cut asks the one before it for its file. Their mutexes are taken in
// that order only: the newer one's first.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "finish_queue.hpp"
#include "media/arena_reader.hpp"
#include "recording.hpp"
#include "reporter.hpp"
#include "retry.hpp"

namespace millrace::recording {

class Publication {
 public:
  // predecessor: the stream's publication before this one, where that may still have its file; null else.
  Publication(std::shared_ptr<media::ArenaReader> arena, media::LogInfo info, std::string directory,
              FileLimits file_limits = {}, std::int64_t return_grace_us = 0,
              std::shared_ptr<Publication> predecessor = nullptr);

  const media::LogInfo& info() const { return info_; }
  bool ended() const { return ended_; }

  // One step, unless it is too early for another attempt. Blocking. True: there is more to read at once.
  bool step(std::int64_t monotonic_us, Reporter& reporter, FinishQueue& finish_queue);
  // The process is about to end: writes what was read, then reports; later steps do nothing. What the report
  // throws is thrown on, with everything written.
  void suspend(std::int64_t monotonic_us, Reporter& reporter, FinishQueue& finish_queue);
  // Nobody comes back any more: the next step completes a file that waits for that. Any thread.
  void expect_no_return() { return_expected_ = false; }

 private:
  std::optional<Recording::Handover> hand_over(std::int64_t first_arrival_us);
  std::optional<Recording::Handover> ask_predecessor(std::int64_t first_arrival_us, Reporter& reporter,
                                                     FinishQueue& finish_queue);
  Result<Recording> open(Reporter& reporter, FinishQueue& finish_queue);
  Progress try_step(std::int64_t monotonic_us, Reporter& reporter, FinishQueue& finish_queue);
  Progress try_suspend(std::int64_t monotonic_us);
  void report_failure(const Progress& progress, Reporter& reporter);
  // unreported_; true: there is more to read at once.
  bool report(std::int64_t monotonic_us, Reporter& reporter, FinishQueue& finish_queue);

  const media::LogInfo info_;
  const std::shared_ptr<media::ArenaReader> arena_;
  const std::string directory_;
  const FileLimits file_limits_;
  const std::int64_t return_grace_us_;
  std::shared_ptr<Publication> predecessor_;  // until its file was asked for
  std::atomic<bool> return_expected_{true};
  std::atomic<bool> successor_known_{false};
  std::mutex mutex_;
  std::optional<Recording> recording_;
  std::optional<Progress> unreported_;  // of a step, until all of it was reported
  bool failure_reported_ = false;       // that of unreported_ was
  Retry retry_;
  bool suspended_ = false;
  std::atomic<bool> ended_{false};
};

}  // namespace millrace::recording
