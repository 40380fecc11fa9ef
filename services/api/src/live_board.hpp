// The newest numbers of each live stream as texts, ordered by when they came, and what one client has seen of
// them. A client has no queue of numbers: it takes the oldest text that is newer than its mark, so a slow one
// gets the newest of each stream and costs no memory. Texts are made once and shared by all clients.
// Board: thread-safe. View: plain value, its owner's lock.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "metrics_feed.hpp"

namespace millrace::api {

using LiveText = std::shared_ptr<const std::string>;

enum class LiveProtocol : std::uint8_t { kPlain, kSocketIo };

// What a client may and wants to see.
struct LiveView {
  static constexpr std::size_t kMostSubscriptions = 100;

  LiveProtocol protocol = LiveProtocol::kPlain;
  bool everything = true;  // until the first subscription
  bool admin = false;
  // By stream id. True: asked for by its key, which opens a private stream.
  std::map<std::string, bool, std::less<>> subscriptions;
  // The caller's own: id to key.
  std::map<std::string, std::string, std::less<>> own;
  std::uint64_t mark = 0;      // everything up to here is seen
  std::uint64_t began_at = 0;  // ends of streams before it are no news
};

class LiveBoard {
 public:
  // watching: what auth broadcasts; outlives this.
  explicit LiveBoard(const playback::Revocations& watching) : watching_(watching) {}

  static constexpr std::size_t kMostStreams = MetricsFeed::kMostStreams;

  // A stream's public name by its id, which needs no escapes (public_names.hpp). Not asked for what ended.
  using NameOf = std::function<std::string(const std::string& stream_id)>;
  static std::string by_id(const std::string& stream_id) { return stream_id; }

  // Ended streams are shown once more, then go with those that were not updated for MetricsFeed::kStaleUs.
  void update(const std::vector<MetricsFeed::Numbers>& streams, std::int64_t now_us,
              const NameOf& name_of = by_id);
  // Where a new client begins: it is shown what is live at once.
  void join(LiveView& view) const;
  // The next text for this client, and its mark moved; null: it has seen all.
  LiveText next(LiveView& view) const;
  bool is_live(std::string_view stream_id) const;

 private:
  struct Slot {
    std::string stream_id;
    std::string name;  // while it was live last
    bool live = true;
    bool is_private = false;
    std::int64_t until_us = 0;
    std::uint64_t sequence = 0;
    std::string rest;    // of the document, behind the streamKey
    LiveText plain;      // with the name as streamKey
    LiveText socket_io;  // the same
  };
  bool may_see(const Slot& slot, const LiveView& view) const;
  static LiveText text_for(const Slot& slot, const LiveView& view);
  const Slot* find_next(const LiveView& view) const;
  void put(const metrics::v1::StreamMetrics& stream, std::int64_t now_us, const NameOf& name_of);

  const playback::Revocations& watching_;
  mutable std::mutex mutex_;  // guards what follows
  std::uint64_t sequence_ = 0;
  std::map<std::uint64_t, std::unique_ptr<Slot>> slots_;  // by sequence
  std::unordered_map<std::string, std::uint64_t> sequences_;
  std::int64_t swept_us_ = 0;
};

// The text of an event for a client: {"event":…,"data":…} or 42["…",…].
std::string live_event(LiveProtocol protocol, std::string_view name, std::string_view data);

}  // namespace millrace::api
