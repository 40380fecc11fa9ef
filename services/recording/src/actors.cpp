#include "actors.hpp"

#include <algorithm>
#include <caf/all.hpp>

#include "base/clock.hpp"
#include "base/log.hpp"
#include "base/survive.hpp"

namespace millrace::recording {
namespace {

using runtime::WakeAtom;
using TickAtom = caf::atom_constant<caf::atom("tick")>;
using DoneAtom = caf::atom_constant<caf::atom("done")>;

constexpr std::chrono::milliseconds kStepEvery{250};
constexpr std::chrono::milliseconds kScanEvery{1000};
constexpr std::string_view kLogComponent = "media-log";

// A job that throws is its actor's: the supervisor decides whether it is tried again.
void post(RecordingShared& shared, const caf::actor& self, std::function<void()> job) {
  shared.workers.post([self, job = std::move(job)] {
    if (!survives("recording job", job)) caf::anon_send_exit(self, caf::exit_reason::unhandled_exception);
  });
}

// One publication: decides when the next step is due. The step itself runs on a worker thread.
class PublicationState {
 public:
  static inline const char* name = "recording.publication";

  void begin(caf::event_based_actor* self, std::shared_ptr<RecordingShared> shared,
             std::shared_ptr<Publication> publication) {
    self_ = self;
    shared_ = std::move(shared);
    publication_ = std::move(publication);
    step();
  }

  void step() {
    const caf::actor self = caf::actor_cast<caf::actor>(self_);
    post(*shared_, self, [shared = shared_.get(), publication = publication_, self] {
      const bool more = publication->step(monotonic_us(), shared->reporter, shared->finish_queue);
      caf::anon_send(self, DoneAtom::value, more);
    });
  }

  void step_done(bool more) {
    if (publication_->ended()) {
      self_->quit();
    } else if (more) {
      step();
    } else {
      self_->delayed_send(self_, kStepEvery, TickAtom::value);
    }
  }

 private:
  caf::event_based_actor* self_ = nullptr;
  std::shared_ptr<RecordingShared> shared_;
  std::shared_ptr<Publication> publication_;
};

caf::behavior publication_actor(caf::stateful_actor<PublicationState>* self,
                                std::shared_ptr<RecordingShared> shared,
                                std::shared_ptr<Publication> publication) {
  self->state.begin(self, std::move(shared), std::move(publication));
  return {
      [self](TickAtom) { self->state.step(); },
      [self](DoneAtom, bool more) { self->state.step_done(more); },
  };
}

runtime::ChildSpec publication_child(const std::shared_ptr<RecordingShared>& shared,
                                     const std::shared_ptr<Publication>& publication) {
  return {.name = "publication/" + std::to_string(number_of(publication->info().publication_id)),
          .group = {},
          .spawn =
              [shared, publication](caf::event_based_actor& supervisor) {
                return supervisor.spawn(publication_actor, shared, publication);
              },
          .restart = runtime::Restart::kTransient};
}

// Looks for publications; one look at a time, on a worker thread.
class ScannerState {
 public:
  static inline const char* name = "recording.scanner";

  void begin(caf::event_based_actor* self, std::shared_ptr<RecordingShared> shared) {
    self_ = self;
    shared_ = std::move(shared);
    findings_ = std::make_shared<LogScanner::Findings>();
    look();
  }

  void look() {
    shared_->scanner_actor.awake();
    if (looking_ || shared_->draining) return;
    looking_ = true;
    const caf::actor self = caf::actor_cast<caf::actor>(self_);
    post(*shared_, self, [shared = shared_.get(), findings = findings_, self] {
      *findings = shared->scanner.look();
      // Found once in the life of the process: not left to an actor that may have crashed meanwhile.
      for (const PartOwner& orphan : findings->orphans) {
        log::info("part of a publication that is gone", {{"file", orphan.stem}});
        shared->finish_queue.add(orphan.stem, orphan.stream_id);
      }
      shared->publications.expect_no_return(shared->unwanted);
      // Not in a directory that is another recorder's.
      if (!findings->file_error)
        shared->unwanted.look(shared->directory, shared->publications.recorded(), shared->finish_queue,
                              shared->reporter);
      caf::anon_send(self, DoneAtom::value);
    });
  }

  // The worker has written the findings before it sent the answer.
  void looked() {
    looking_ = false;
    const LogScanner::Findings findings = std::move(*findings_);
    report(findings);
    // Nothing found then means nothing: what has ended must not be taken for new at the next look.
    if (findings.file_error) return;
    std::vector<PublicationId> in_log;
    for (const media::FoundLog& found : findings.logs) {
      in_log.push_back(found.info.publication_id);
      offer(found);
    }
    // Also when an arena could not be read: one that was read once stays so while its file is there.
    shared_->publications.keep(in_log);
    shared_->reporter.metrics().active(shared_->publications.active());
  }

 private:
  void report(const LogScanner::Findings& findings) {
    if (findings.log_error) {
      shared_->health->set(kLogComponent, runtime::HealthState::kDegraded, findings.log_error->message);
    } else {
      shared_->health->set(kLogComponent, runtime::HealthState::kReady);
    }
    if (findings.file_error) {
      shared_->reporter.failing("directory", {}, {}, *findings.file_error);
    } else {
      shared_->reporter.recovered("directory");
    }
  }

  void offer(const media::FoundLog& found) {
    if (shared_->draining || shared_->publications.contains(found.info.publication_id)) return;
    if (shared_->unwanted.contains(found.info.stream_id)) return;
    const auto publication =
        std::make_shared<Publication>(found.arena, found.info, shared_->directory, shared_->file_limits,
                                      shared_->return_grace_us, shared_->publications.before(found.info));
    shared_->publications.add(publication);
    runtime::add_child(shared_->supervisor.get(), publication_child(shared_, publication));
  }

  caf::event_based_actor* self_ = nullptr;
  std::shared_ptr<RecordingShared> shared_;
  std::shared_ptr<LogScanner::Findings> findings_;
  bool looking_ = false;
};

caf::behavior scanner_actor(caf::stateful_actor<ScannerState>* self,
                            std::shared_ptr<RecordingShared> shared) {
  self->state.begin(self, std::move(shared));
  self->delayed_send(self, kScanEvery, TickAtom::value);
  return {
      [self](WakeAtom) { self->state.look(); },
      [self](TickAtom) {
        self->state.look();
        self->delayed_send(self, kScanEvery, TickAtom::value);
      },
      [self](DoneAtom) { self->state.looked(); },
  };
}

}  // namespace

bool PublicationTable::contains(PublicationId publication_id) const {
  const std::lock_guard lock(mutex_);
  return publications_.contains(publication_id);
}

void PublicationTable::add(std::shared_ptr<Publication> publication) {
  const std::lock_guard lock(mutex_);
  const PublicationId id = publication->info().publication_id;
  publications_.insert_or_assign(id, std::move(publication));
}

void PublicationTable::keep(const std::vector<PublicationId>& in_log) {
  const std::lock_guard lock(mutex_);
  std::erase_if(publications_, [&](const auto& entry) {
    return entry.second->ended() && std::find(in_log.begin(), in_log.end(), entry.first) == in_log.end();
  });
}

std::vector<std::shared_ptr<Publication>> PublicationTable::all() const {
  const std::lock_guard lock(mutex_);
  std::vector<std::shared_ptr<Publication>> result;
  for (const auto& [id, publication] : publications_) result.push_back(publication);
  return result;
}

std::shared_ptr<Publication> PublicationTable::before(const media::LogInfo& info) const {
  const std::lock_guard lock(mutex_);
  std::shared_ptr<Publication> newest;
  for (const auto& [id, publication] : publications_) {
    const media::LogInfo& other = publication->info();
    if (other.stream_id != info.stream_id || other.epoch >= info.epoch || publication->ended()) continue;
    if (!newest || newest->info().epoch < publication->info().epoch) newest = publication;
  }
  return newest;
}

void PublicationTable::expect_no_return(const Unwanted& unwanted) const {
  for (const auto& publication : all()) {
    if (unwanted.contains(publication->info().stream_id)) publication->expect_no_return();
  }
}

std::size_t PublicationTable::active() const {
  const std::lock_guard lock(mutex_);
  return static_cast<std::size_t>(std::count_if(publications_.begin(), publications_.end(),
                                                [](const auto& entry) { return !entry.second->ended(); }));
}

StreamIds PublicationTable::recorded() const {
  const std::lock_guard lock(mutex_);
  StreamIds streams;
  for (const auto& [id, publication] : publications_) {
    if (!publication->ended()) streams.insert(publication->info().stream_id);
  }
  return streams;
}

std::vector<runtime::ChildSpec> recording_children(const std::shared_ptr<RecordingShared>& shared) {
  runtime::ChildSpec recordings{
      .name = "recordings", .group = {}, .spawn = [shared](caf::event_based_actor& root) {
        runtime::SupervisorConfig config;
        config.name = "recordings";
        config.on_exhausted = runtime::OnExhausted::kRest;  // one poisoned publication rests alone
        config.health = shared->health;
        caf::actor supervisor = runtime::spawn_supervisor(root, std::move(config));
        // In this order: what the scanner added for the one before is in the table, and what it adds from now
        // on comes here. After a restart what was being recorded goes on.
        shared->supervisor.set(supervisor);
        for (const auto& publication : shared->publications.all()) {
          if (!publication->ended()) runtime::add_child(supervisor, publication_child(shared, publication));
        }
        return supervisor;
      }};
  runtime::ChildSpec scanner{.name = "scanner", .group = {}, .spawn = [shared](caf::event_based_actor& root) {
                               caf::actor actor = root.spawn(scanner_actor, shared);
                               shared->scanner_actor.replace(actor);
                               return actor;
                             }};
  return {std::move(recordings), std::move(scanner)};
}

}  // namespace millrace::recording
