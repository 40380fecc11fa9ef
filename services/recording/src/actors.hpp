// The actors of recording and what they share.
//
//   root ─┬─ recordings (supervisor) ── publication/<n>   one per publication in the log, until all of it is
//         │                                               in files
//         └─ scanner      looks for publications: at start, every second, and when ingest says there is one
//
//   bus thread ── wake ──> scanner ── add_child ──> publication actor ── step ──> worker threads
//   worker threads ── stems ──> finish thread
//
// Actors decide when; files and the log are read and written by worker threads only. A publication actor has
// at most one step at work, and its mailbox one tick and one answer. A crash costs nothing: the log and the
// files say where to go on.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "finish_queue.hpp"
#include "log_scanner.hpp"
#include "publication.hpp"
#include "reporter.hpp"
#include "runtime/actor_slot.hpp"
#include "runtime/health.hpp"
#include "runtime/supervisor.hpp"
#include "unwanted.hpp"
#include "worker_pool.hpp"

namespace millrace::recording {

// The publications that are being recorded, or were and are still in the log. Any thread.
class PublicationTable {
 public:
  bool contains(PublicationId publication_id) const;
  void add(std::shared_ptr<Publication> publication);
  // Forgets those that have ended and are not in the log any more.
  void keep(const std::vector<PublicationId>& in_log);
  std::vector<std::shared_ptr<Publication>> all() const;
  // The newest of the stream's older publications that has not ended yet; null when there is none.
  std::shared_ptr<Publication> before(const media::LogInfo& info) const;
  // Of unwanted streams, whose publishers may not come back: nothing waits for that.
  void expect_no_return(const Unwanted& unwanted) const;
  // Not ended yet: how many, and of which streams.
  std::size_t active() const;
  StreamIds recorded() const;

 private:
  mutable std::mutex mutex_;
  std::map<PublicationId, std::shared_ptr<Publication>> publications_;
};

struct RecordingShared {
  static constexpr unsigned kWorkers = 2;

  RecordingShared(std::string log_directory, std::string vod_directory, std::int64_t grace_us,
                  FileLimits files, std::shared_ptr<runtime::Health> health_states, Reporter::Publish publish)
      : media_log_directory(std::move(log_directory)),
        directory(std::move(vod_directory)),
        return_grace_us(grace_us),
        file_limits(files),
        health(std::move(health_states)),
        reporter(health, std::move(publish)),
        scanner(media_log_directory, directory),
        finish_queue([this](const std::string& stem,
                            const std::atomic<bool>& stop) { return finish_file(directory, stem, stop); },
                     reporter),
        workers(kWorkers) {}

  const std::string media_log_directory;
  const std::string directory;         // of the recordings
  const std::int64_t return_grace_us;  // RECONNECT_GRACE_SECONDS
  const FileLimits file_limits;        // RECORDING_MAX_SECONDS, RECORDING_MAX_BYTES
  const std::shared_ptr<runtime::Health> health;
  Reporter reporter;
  LogScanner scanner;  // here, not in its actor: what it has seen must outlive a crash of that
  PublicationTable publications;
  FinishQueue finish_queue;
  Unwanted unwanted;
  std::atomic<bool> draining{false};  // nothing new is begun
  runtime::WakeSlot scanner_actor;
  runtime::ActorSlot supervisor;  // of the publications
  WorkerPool workers;             // last: its threads end before what they use
};

// The root supervisor's children.
std::vector<runtime::ChildSpec> recording_children(const std::shared_ptr<RecordingShared>& shared);

}  // namespace millrace::recording
