// Which publication is the stream's, and which ones wait for their turn. One publication at a time owns a
// stream; a newer one (higher epoch) makes it leave, and is granted the stream when the old log has ended and
// its end was announced.
//
// Any thread. Callbacks run on the caller's thread, outside the lock; they post to where they belong.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "base/wall_time.hpp"
#include "media/arena_writer.hpp"
#include "publish/publication.hpp"

namespace millrace::ingest {

// What a stream's owner allows; held to where it is lower than the server's own.
struct StreamLimits {
  std::uint32_t max_bitrate_kbps = 0;  // 0: none
  std::string max_resolution{};        // empty: none
};

// A publication that owns its stream. Constant but for the atomics. (Of a slate: what names its log.)
struct LiveStream {
  std::string stream_id;
  PublicationId publication_id{};
  Epoch epoch{};
  WallTime started_wall{};
  std::string app;
  std::string peer_address;
  std::string session_id;
  std::vector<std::string> forward_urls;  // as auth gave them
  bool is_private = false;
  std::uint64_t play_tag = 0;  // not 0: players with another one may not watch
  StreamLimits limits{};       // when it was admitted
  // Asks the publisher's connection to end with this reason; any thread, any number of times.
  std::function<void(media::LogEnd)> terminate;
  // Tells the publisher's connection that the stream's own limits are these now; as terminate.
  std::function<void(StreamLimits)> change_limits{};
  std::shared_ptr<PublicationCounters> counters = std::make_shared<PublicationCounters>();

  // Set before live is; the log's slot in the arena.
  SlotIndex slot{};
  std::atomic<bool> live{false};            // the log exists
  std::atomic<bool> announced{false};       // the bus knows of it: statistics may follow
  std::atomic<bool> ended{false};           // no record will follow
  std::atomic<std::uint64_t> committed{0};  // from the log's first sequence on

  // A bit for each shard: it has players; it was notified of new records and has not looked yet.
  std::atomic<std::uint64_t> watching_shards{0};
  std::atomic<std::uint64_t> woken_shards{0};
  // A bit for each shard that forwards it.
  std::atomic<std::uint64_t> forwarding_shards{0};

  std::atomic<std::uint32_t> players{0};
  std::atomic<std::uint64_t> players_began{0};
  std::atomic<std::uint64_t> sent_bytes{0};
  std::atomic<std::uint64_t> frames_skipped{0};
};
using LiveStreamPtr = std::shared_ptr<LiveStream>;

// 16 hexadecimal digits, as in logs, actor names and URLs.
std::string hex_id(PublicationId id);

class LiveStreams {
 public:
  // Told of every log that begins and ends, for the players; any thread.
  using Observer = std::function<void(const LiveStreamPtr&)>;
  void set_observer(Observer observer);

  enum class Claim : std::uint8_t { kGranted, kSuperseded };
  using Answer = std::function<void(Claim)>;
  // Asks for the stream. Granted at once when it is free; else its owner is asked to leave and the answer
  // comes with release(). Superseded: a publication with a higher or the same epoch owns it or waits for it.
  void claim(const LiveStreamPtr& stream, Answer answer);
  // The owner's log began.
  void set_live(const LiveStreamPtr& stream);
  // The owner's log has ended: its players may know, but the stream is its until release().
  void set_ended(const LiveStreamPtr& stream);
  // The owner has gone, or a claim is withdrawn. Without effect for others.
  void release(const LiveStreamPtr& stream);

  // The publication whose log is live; null when there is none.
  LiveStreamPtr find(std::string_view stream_id) const;
  // Which publications of a stream are meant; 0: any.
  struct Which {
    PublicationId publication_id{};
    Epoch up_to_epoch{};
  };
  // Ends the live publication and refuses who waits; false when there is none of them.
  bool close(std::string_view stream_id, Which which, media::LogEnd reason);
  // Gives other limits to the stream's publication and to those that wait for their turn; false when there is
  // none.
  bool change_limits(std::string_view stream_id, const StreamLimits& limits);
  std::vector<LiveStreamPtr> all() const;

 private:
  struct Entry {
    LiveStreamPtr owner;
    LiveStreamPtr waiting;
    Answer answer;  // of waiting
  };
  mutable std::mutex mutex_;
  std::map<std::string, Entry, std::less<>> entries_;
  Observer observer_;
};

}  // namespace millrace::ingest
