// One publication in the media log, and its recording. It outlives its actor: a restarted actor finds it
// here, and two never work on the same file, for the recording is used under its mutex only.
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
  Publication(std::shared_ptr<media::ArenaReader> arena, media::LogInfo info, std::string directory)
      : info_(std::move(info)), arena_(std::move(arena)), directory_(std::move(directory)) {}

  const media::LogInfo& info() const { return info_; }
  bool ended() const { return ended_; }

  // One step, unless it is too early for another attempt. Blocking. True: there is more to read at once.
  bool step(std::int64_t monotonic_us, Reporter& reporter, FinishQueue& finish_queue);
  // The process is about to end: writes what was read; later steps do nothing.
  void suspend(std::int64_t monotonic_us, Reporter& reporter, FinishQueue& finish_queue);

 private:
  Progress try_step(std::int64_t monotonic_us);
  void report(const Progress& progress, std::int64_t monotonic_us, Reporter& reporter,
              FinishQueue& finish_queue);

  const media::LogInfo info_;
  const std::shared_ptr<media::ArenaReader> arena_;
  const std::string directory_;
  std::mutex mutex_;
  std::optional<Recording> recording_;
  Retry retry_;
  bool suspended_ = false;
  std::atomic<bool> ended_{false};
};

}  // namespace millrace::recording
