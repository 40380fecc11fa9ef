// The actors of packaging and what they share.
//
//   root ─┬─ catalogue             scans the arenas' slots: at start, when a pointer names something new,
//         │                        every 500 ms
//         └─ streams (supervisor) ── stream/<id>    one per stream with media in the log: a StreamPackage,
//                                                   its views
//
//   bus thread ── pointers ──> StreamEntry::wake ──> stream actor ── ViewTable ──> HTTP threads
//                                                        └── wakes the requests that wait for the stream
//
// A crash of a stream's actor costs nothing: its last view stays in the table, and the next incarnation makes
// the same views from the log. Mailboxes are bounded: an actor is woken again only after it has begun the
// last round.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "http/waiting_room.hpp"
#include "metrics.hpp"
#include "rendition_demand.hpp"
#include "rendition_plan.hpp"
#include "runtime/actor_slot.hpp"
#include "runtime/health.hpp"
#include "runtime/supervisor.hpp"
#include "stream_package.hpp"
#include "stream_view.hpp"
#include "viewer_counter.hpp"

namespace millrace::bus::v1 {
class PointerBatch;
}

namespace millrace::packaging {

struct StreamEntry {
  StreamEntry(std::string id, std::uint64_t count, std::shared_ptr<const StreamLogs> logs)
      : stream_id(std::move(id)), number(count), logs_(std::move(logs)) {}

  const std::string stream_id;
  const std::uint64_t number;  // of all entries: no two have the same
  runtime::WakeSlot slot;
  std::atomic<bool> settled{false};  // has been through its log once

  void set_logs(std::shared_ptr<const StreamLogs> logs);
  std::shared_ptr<const StreamLogs> logs() const;
  // True once for each segment that begins and each part that is closed; bus thread only.
  bool notice(PublicationId publication_id, std::uint64_t media_sequence, std::uint64_t closed_parts);

 private:
  mutable std::mutex mutex_;
  std::shared_ptr<const StreamLogs> logs_;
  PublicationId noticed_publication_{};
  std::uint64_t noticed_sequence_ = 0;
  std::uint64_t noticed_parts_ = 0;
};

// The streams there are. Any thread.
class StreamDirectory {
 public:
  static constexpr std::size_t kMaxStreams = 4096;  // further ones are not packaged, and it is logged

  std::shared_ptr<StreamEntry> find(const std::string& stream_id) const;
  // nullptr when there are kMaxStreams.
  std::shared_ptr<StreamEntry> add(const std::string& stream_id, std::shared_ptr<const StreamLogs> logs);
  void remove(const std::string& stream_id);
  std::vector<std::shared_ptr<StreamEntry>> all() const;

 private:
  mutable std::mutex mutex_;
  std::map<std::string, std::shared_ptr<StreamEntry>> entries_;
  std::uint64_t number_ = 0;
};

struct PackagingShared {
  std::string media_log_directory;
  WindowPolicy policy;
  std::shared_ptr<runtime::Health> health;
  // Once a second, on the catalogue's thread; of what is new at once, on the thread of who asks.
  std::function<void(const RenditionDemand::Watched&)> report_wanted;
  // Once a second, on the catalogue's thread.
  std::function<void(const std::vector<StreamViewers>&)> report_viewers;
  ViewTable views;
  // Requests that wait, by stream id: woken by the stream's actor, swept by the catalogue.
  std::unique_ptr<http::WaitingRoom> waiting =
      std::make_unique<http::WaitingRoom>(http::WaitingRoom::Limits{});
  ViewerCounter viewers;
  RenditionPlans plans;
  RenditionDemand demand;
  Metrics metrics;
  StreamDirectory streams;
  runtime::WakeSlot catalogue;
  runtime::ActorSlot supervisor;     // of the streams
  std::atomic<bool> scanned{false};  // the catalogue has looked for arenas once
  std::atomic<std::uint64_t> scans{0};
};

// The root supervisor's children.
std::vector<runtime::ChildSpec> packaging_children(const std::shared_ptr<PackagingShared>& shared);

// Records of a log were committed: wakes the stream's actor where it is a source or a slate that is known,
// the catalogue where it is not known yet. Other logs are nobody's here. Bus thread.
void pointer_received(PackagingShared& shared, const bus::v1::PointerBatch& batch);

}  // namespace millrace::packaging
