#include "actors.hpp"

#include <algorithm>
#include <caf/all.hpp>
#include <optional>
#include <utility>

#include "base/clock.hpp"
#include "base/log.hpp"
#include "bus/log_role.hpp"
#include "bus/v1/bus.pb.h"
#include "media/arena_set.hpp"

namespace millrace::packaging {
namespace {

using runtime::WakeAtom;
using TickAtom = caf::atom_constant<caf::atom("tick")>;
using LookAtom = caf::atom_constant<caf::atom("look")>;
using RestedAtom = caf::atom_constant<caf::atom("rested")>;

constexpr std::chrono::milliseconds kScanEvery{500};
// Between two scans that pointers ask for: those of an arena that can't be read ask with every batch.
constexpr std::chrono::milliseconds kScanRest{100};
// At logs that nobody sends pointers of: as often as ingest's batches come.
constexpr std::chrono::milliseconds kLookEvery{20};
constexpr std::int64_t kHurryUs = 10'000'000;
constexpr std::int64_t kTellViewersEveryUs = 1'000'000;
constexpr std::string_view kComponent = "media-log";

// One stream. Everything it knows comes from the log, so that a crash loses nothing.
class StreamState {
 public:
  static inline const char* name = "packaging.stream";

  void begin(std::shared_ptr<PackagingShared> shared, std::shared_ptr<StreamEntry> entry) {
    shared_ = std::move(shared);
    entry_ = std::move(entry);
    package_ = std::make_unique<StreamPackage>(entry_->stream_id, shared_->policy);
    shared_->metrics.stream_actor_started();
  }

  // Transcoders have no bus: as long as they write, their logs are looked at. True once, until looked().
  bool wants_look() { return package_->is_being_made() && !std::exchange(looks_, true); }
  void looked() { looks_ = false; }

  // False: the stream is no more.
  bool refresh() {
    entry_->slot.awake();
    const auto logs = entry_->logs();
    if (logs->logs.empty()) {
      shared_->views.withdraw(entry_->stream_id, entry_.get());
      shared_->waiting->wake(entry_->stream_id);
      return false;
    }
    const std::int64_t now_us = monotonic_us();
    package_->set_plan(shared_->plans.find(entry_->stream_id));
    const StreamPackage::Update update = package_->update(*logs, now_us);
    for (const std::string& problem : update.problems) {
      log::warning("packaging problem", {{"stream", entry_->stream_id}, {"reason", problem}});
    }
    shared_->metrics.events_read(update.events, update.refused_events);
    if (update.changed) publish();
    if (entry_->settled) observe(update);
    if (update.changed) shared_->waiting->wake(entry_->stream_id);
    if (update.more) {
      entry_->slot.wake();
    } else {
      entry_->settled = true;
    }
    return true;
  }

 private:
  void publish() {
    if (package_->view()) {
      shared_->views.publish(package_->view(), entry_.get());
    } else {
      shared_->views.withdraw(entry_->stream_id, entry_.get());
    }
  }

  void observe(const StreamPackage::Update& update) {
    const std::int64_t now_us = monotonic_us();
    const std::vector<Segment>& listed = update.listed;
    for (const Segment& segment : listed) {
      shared_->metrics.segment_listed(static_cast<double>(now_us - segment.last_arrival_us) / 1e6);
    }
    for (const std::int64_t closed_us : update.parts_closed_us)
      shared_->metrics.part_listed(static_cast<double>(now_us - closed_us) / 1e6);
    if (!listed.empty()) shared_->viewers.segment(entry_->stream_id, now_us - listed.back().last_arrival_us);
  }

  std::shared_ptr<PackagingShared> shared_;
  std::shared_ptr<StreamEntry> entry_;
  std::unique_ptr<StreamPackage> package_;
  bool looks_ = false;  // or is going to
};

caf::behavior stream_actor(caf::stateful_actor<StreamState>* self, std::shared_ptr<PackagingShared> shared,
                           std::shared_ptr<StreamEntry> entry) {
  self->state.begin(std::move(shared), std::move(entry));
  const auto refresh = [self] {
    if (!self->state.refresh()) return self->quit();
    if (self->state.wants_look()) self->delayed_send(self, kLookEvery, LookAtom::value);
  };
  return {
      [refresh](WakeAtom) { refresh(); },
      [self, refresh](LookAtom) {
        self->state.looked();
        refresh();
      },
  };
}

runtime::ChildSpec stream_child(const std::shared_ptr<PackagingShared>& shared,
                                const std::shared_ptr<StreamEntry>& entry) {
  // A number, for the stream's last entry may still be on its way out.
  return {.name = "stream/" + entry->stream_id + "#" + std::to_string(entry->number),
          .group = {},
          .spawn =
              [shared, entry](caf::event_based_actor& supervisor) {
                caf::actor actor = supervisor.spawn(stream_actor, shared, entry);
                entry->slot.replace(actor);
                return actor;
              },
          .restart = runtime::Restart::kTransient};
}

// Knows the arenas and which streams have sources in them.
class CatalogueState {
 public:
  static inline const char* name = "packaging.catalogue";

  void begin(std::shared_ptr<PackagingShared> shared) {
    shared_ = std::move(shared);
    arenas_.emplace(shared_->media_log_directory, "packaging");
  }

  // True where it scanned, and rests. Asked meanwhile it scans afterwards, once; the slot sends no further
  // wake until then.
  bool scan_or_rest() {
    wanted_ = resting_;
    if (resting_) return false;
    scan();
    return resting_ = true;
  }
  // Somebody waits for a transcoder that is being started.
  bool is_hurried() const {
    const std::int64_t newest_us = shared_->demand.newest_us();
    return newest_us != 0 && monotonic_us() - newest_us < kHurryUs;
  }
  bool rested() {
    resting_ = false;
    return std::exchange(wanted_, false) && scan_or_rest();
  }

  void scan() {
    shared_->catalogue.awake();
    shared_->scans.fetch_add(1, std::memory_order_relaxed);
    look_at_arenas();
    std::map<std::string, StreamLogs> found;
    for (media::FoundLog& log : arenas_->logs(media::LogRole::kSource))
      found[log.info.stream_id].logs.push_back(std::move(log));
    for (media::FoundLog& log : arenas_->logs(media::LogRole::kSlate)) {
      const auto stream = found.find(log.info.stream_id);
      if (stream != found.end()) stream->second.slates.push_back(std::move(log));
    }
    for (media::FoundLog& log : arenas_->logs(media::LogRole::kRendition)) {
      const auto stream = found.find(log.info.stream_id);
      if (stream != found.end()) stream->second.renditions.push_back(std::move(log));
    }
    drop_all_but(found);
    for (auto& [stream_id, logs] : found)
      offer(stream_id, std::make_shared<const StreamLogs>(std::move(logs)));
    shared_->scanned = true;
    shared_->waiting->sweep(monotonic_us());
    shared_->metrics.streams(shared_->views.size());
    shared_->metrics.waiting(shared_->waiting->waiting());
    report_viewers();
  }

 private:
  // One whose writer has left is as good as any.
  void look_at_arenas() {
    const Result<void> looked = arenas_->refresh();
    if (!looked) {
      shared_->health->set(kComponent, runtime::HealthState::kDegraded, looked.error().message);
    } else if (arenas_->empty()) {
      shared_->health->set(kComponent, runtime::HealthState::kDegraded,
                           "no media log in " + shared_->media_log_directory);
    } else {
      shared_->health->set(kComponent, runtime::HealthState::kReady);
    }
    if (arenas_->arenas().size() != opened_) {
      opened_ = arenas_->arenas().size();
      log::info("media logs opened", {{"directory", shared_->media_log_directory}, {"arenas", opened_}});
    }
  }

  void offer(const std::string& stream_id, const std::shared_ptr<const StreamLogs>& found) {
    if (const auto known = shared_->streams.find(stream_id)) {
      known->set_logs(found);
      return known->slot.wake();
    }
    const auto entry = shared_->streams.add(stream_id, found);
    if (!entry) {
      if (!full_) log::error("too many streams", {{"limit", StreamDirectory::kMaxStreams}});
      full_ = true;
      return;
    }
    log::info("stream found", {{"stream", stream_id}});
    runtime::add_child(shared_->supervisor.get(), stream_child(shared_, entry));
  }

  void drop_all_but(const std::map<std::string, StreamLogs>& found) {
    for (const auto& entry : shared_->streams.all()) {
      if (!found.contains(entry->stream_id) && !hidden(*entry)) drop(*entry);
    }
  }

  // That an arena can't be read does not mean that its streams are gone.
  bool hidden(const StreamEntry& entry) const {
    const auto known = entry.logs();
    return std::any_of(known->logs.begin(), known->logs.end(),
                       [&](const media::FoundLog& log) { return arenas_->hides(*log.arena); });
  }

  void drop(StreamEntry& entry) {
    log::info("stream has left the log", {{"stream", entry.stream_id}});
    entry.set_logs(std::make_shared<const StreamLogs>());
    entry.slot.wake();
    shared_->viewers.forget(entry.stream_id);
    shared_->streams.remove(entry.stream_id);
    full_ = false;
  }

  void report_viewers() {
    const std::int64_t now_us = monotonic_us();
    if (now_us < next_telling_us_) return;
    next_telling_us_ = now_us + kTellViewersEveryUs;
    const auto is_known = [&](const std::string& stream_id) {
      return shared_->streams.find(stream_id) != nullptr;
    };
    shared_->report_viewers(shared_->viewers.collect(now_us, is_known));
    shared_->plans.look(now_us);
    if (shared_->report_wanted) {
      for (const RenditionDemand::Watched& watched : shared_->demand.collect(now_us))
        shared_->report_wanted(watched);
    }
    shared_->metrics.viewers(shared_->viewers.viewers());
  }

  std::shared_ptr<PackagingShared> shared_;
  std::optional<media::ArenaSet> arenas_;
  std::size_t opened_ = 0;
  std::int64_t next_telling_us_ = 0;
  bool full_ = false;
  bool resting_ = false;
  bool wanted_ = false;
};

caf::behavior catalogue_actor(caf::stateful_actor<CatalogueState>* self,
                              std::shared_ptr<PackagingShared> shared) {
  self->state.begin(std::move(shared));
  self->delayed_send(self, kScanEvery, TickAtom::value);
  return {
      [self](WakeAtom) {
        if (self->state.scan_or_rest()) self->delayed_send(self, kScanRest, RestedAtom::value);
      },
      [self](RestedAtom) {
        if (self->state.rested()) self->delayed_send(self, kScanRest, RestedAtom::value);
      },
      [self](TickAtom) {
        self->state.scan();
        self->delayed_send(self, self->state.is_hurried() ? kScanRest : kScanEvery, TickAtom::value);
      },
  };
}

}  // namespace

void StreamEntry::set_logs(std::shared_ptr<const StreamLogs> logs) {
  const std::lock_guard lock(mutex_);
  logs_ = std::move(logs);
}

std::shared_ptr<const StreamLogs> StreamEntry::logs() const {
  const std::lock_guard lock(mutex_);
  return logs_;
}

bool StreamEntry::notice(PublicationId publication_id, std::uint64_t media_sequence,
                         std::uint64_t closed_parts) {
  if (noticed_publication_ == publication_id && noticed_sequence_ == media_sequence &&
      noticed_parts_ == closed_parts)
    return false;
  noticed_publication_ = publication_id;
  noticed_sequence_ = media_sequence;
  noticed_parts_ = closed_parts;
  return true;
}

std::shared_ptr<StreamEntry> StreamDirectory::find(const std::string& stream_id) const {
  const std::lock_guard lock(mutex_);
  const auto found = entries_.find(stream_id);
  return found == entries_.end() ? nullptr : found->second;
}

std::shared_ptr<StreamEntry> StreamDirectory::add(const std::string& stream_id,
                                                  std::shared_ptr<const StreamLogs> logs) {
  const std::lock_guard lock(mutex_);
  if (entries_.size() >= kMaxStreams) return nullptr;
  return entries_.try_emplace(stream_id, std::make_shared<StreamEntry>(stream_id, ++number_, std::move(logs)))
      .first->second;
}

void StreamDirectory::remove(const std::string& stream_id) {
  const std::lock_guard lock(mutex_);
  entries_.erase(stream_id);
}

std::vector<std::shared_ptr<StreamEntry>> StreamDirectory::all() const {
  const std::lock_guard lock(mutex_);
  std::vector<std::shared_ptr<StreamEntry>> entries;
  for (const auto& [id, entry] : entries_) entries.push_back(entry);
  return entries;
}

std::vector<runtime::ChildSpec> packaging_children(const std::shared_ptr<PackagingShared>& shared) {
  runtime::ChildSpec streams{.name = "streams", .group = {}, .spawn = [shared](caf::event_based_actor& root) {
                               runtime::SupervisorConfig config;
                               config.name = "streams";
                               // One poisoned stream rests alone.
                               config.on_exhausted = runtime::OnExhausted::kRest;
                               config.health = shared->health;
                               caf::actor supervisor = runtime::spawn_supervisor(root, std::move(config));
                               // In this order: what the catalogue added for the one before is in the list,
                               // and what it adds from now on comes here.
                               shared->supervisor.set(supervisor);
                               for (const auto& entry : shared->streams.all())
                                 runtime::add_child(supervisor, stream_child(shared, entry));
                               return supervisor;
                             }};
  runtime::ChildSpec catalogue{
      .name = "catalogue", .group = {}, .spawn = [shared](caf::event_based_actor& root) {
        caf::actor actor = root.spawn(catalogue_actor, shared);
        shared->catalogue.replace(actor);
        return actor;
      }};
  return {std::move(streams), std::move(catalogue)};
}

void pointer_received(PackagingShared& shared, const bus::v1::PointerBatch& batch) {
  if (!bus::is_source(batch) && !bus::is_slate(batch)) return;
  const auto entry = shared.streams.find(batch.stream_id());
  if (!entry) return shared.catalogue.wake();
  if (!entry->notice(PublicationId{batch.publication_id()}, batch.media_sequence(), batch.closed_parts()))
    return;
  const auto logs = entry->logs();
  const auto& same_role = bus::is_slate(batch) ? logs->slates : logs->logs;
  const bool known = std::any_of(same_role.begin(), same_role.end(), [&](const media::FoundLog& log) {
    return log.info.publication_id == PublicationId{batch.publication_id()} &&
           log.info.slot == SlotIndex{batch.slot()} && log.arena->name() == batch.arena();
  });
  known ? entry->slot.wake() : shared.catalogue.wake();
}

}  // namespace millrace::packaging
