// The RTMP players of one stream on one shard. All read the media log through one reader; each is a cursor. A
// batch of new records goes to every player in one system call each, straight from the log's memory.
//
// Policies: batches are merged while sending costs much (up to 25 ms); a player whose socket is full and that
// is more than kSlowUs behind skips to the newest key frame; a second skip within kSkipAgainUs, or no
// progress for kStuckUs, disconnects it. One that has just begun in the past has kCatchUpUs to arrive at the
// present. Nobody waits for a player: its socket is non-blocking and its cursor its own.
//
// Owner: the shard; its thread only.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "live_streams.hpp"
#include "media/arena_reader.hpp"
#include "net/timer.hpp"
#include "outside.hpp"
#include "player_run.hpp"

namespace millrace::ingest {

class Connection;
class PlayerGroup;
class Shard;

// Tells auth that a player has gone, whichever way it went: with the last owner.
class PlayEnd {
 public:
  PlayEnd(Announcer& announcer, std::string stream_id, std::uint64_t play_id)
      : announcer_(announcer), stream_id_(std::move(stream_id)), play_id_(play_id) {}
  ~PlayEnd() { announcer_.play_ended(stream_id_, play_id_); }
  PlayEnd(const PlayEnd&) = delete;
  PlayEnd& operator=(const PlayEnd&) = delete;

 private:
  Announcer& announcer_;
  std::string stream_id_;
  std::uint64_t play_id_;
};

// Where a player begins; ?cache= of its URL.
enum class PlayFrom : std::uint8_t {
  kNewestKey,  // the newest key frame that the log has
  kNextKey,    // no: the next key frame that comes
  kOldestKey,  // clear: everything that the log still has of the publication
};
// The last cache parameter of a query; kNewestKey when there is none that we know.
PlayFrom play_from(std::string_view query);

// A player's place in the stream; part of its connection.
struct Player {
  static constexpr std::uint32_t kNoConfiguration = UINT32_MAX;

  // chunk_size: 0 for whole messages.
  Player(Connection& owner, std::uint32_t stream, PlayFrom begin, std::uint32_t chunk_size,
         std::int64_t now_us)
      : connection(owner),
        message_stream_id(stream),
        from(begin),
        waiting_since_us(now_us),
        progress_us(now_us) {
    place.chunk_size = chunk_size;
    place.configurations.fill(kNoConfiguration);
  }
  bool in_message() const { return place.message_sent > 0; }

  Connection& connection;
  PlayerGroup* group = nullptr;
  std::uint32_t message_stream_id;
  std::uint64_t tag = 0;         // of the key it was let in with
  std::shared_ptr<PlayEnd> end;  // null: nobody asked for it
  PlayFrom from;                 // until it has started
  bool started = false;          // has a place in the log
  bool paused = false;           // gets nothing once the message is out
  bool blocked = false;          // the socket is full
  bool notified_end = false;     // got the status that the publisher left
  bool skip_wanted = false;      // too far behind: to the newest key frame when this message is sent
  std::uint64_t next = 0;        // record
  std::uint64_t not_before = 0;  // kNextKey: first record that it may begin with
  RunPlace place;                // in that record, and what it takes of the stream
  std::uint32_t configurations_seen = 0;
  std::uint16_t taken = 0;  // bits of the tracks with sound or picture that it gets, and that it can't take
  std::uint16_t withheld = 0;
  std::uint16_t told_withheld = 0;
  std::int64_t started_us = 0;
  std::int64_t catch_up_until_us = 0;
  std::int64_t waiting_since_us;  // for a publisher
  std::int64_t progress_us;
  std::int64_t skipped_us = INT64_MIN / 2;
};

class PlayerGroup {
 public:
  static constexpr std::int64_t kMaxMergeUs = 25'000;
  static constexpr std::int64_t kSlowUs = 4'000'000;
  static constexpr std::int64_t kStuckUs = 10'000'000;
  static constexpr std::int64_t kSkipAgainUs = 20'000'000;
  static constexpr std::int64_t kCatchUpUs = 10'000'000;     // from the newest key frame
  static constexpr std::int64_t kCatchUpAllUs = 30'000'000;  // from the oldest
  // A player that can take none of the tracks is sent away after that: others may still come.
  static constexpr std::int64_t kNothingLeftUs = 2'000'000;
  static constexpr std::int64_t kIdleUs = 60'000'000;  // a player without a publisher is sent away

  PlayerGroup(Shard& shard, std::string stream_id);
  ~PlayerGroup();
  PlayerGroup(const PlayerGroup&) = delete;
  PlayerGroup& operator=(const PlayerGroup&) = delete;

  void add(Player& player);
  void remove(Player& player);
  // Pauses it, lets it go on with the newest key frame, changes what it takes.
  void change(Player& player, const rtmp::PlayWishes& wishes);
  bool empty() const { return players_.empty(); }

  void attach(const LiveStreamPtr& stream);
  // Sends what is left of it and the status to the players.
  void detach(const LiveStreamPtr& stream);
  void request_flush();
  void on_writable(Player& player, std::int64_t now_us);
  void tick(std::int64_t now_us);

 private:
  // Consecutive records, read once for many players.
  struct Window {
    std::uint64_t first = 0;
    std::vector<LogEntry> entries;
    std::uint64_t end() const { return first + entries.size(); }
  };
  enum class Step : std::uint8_t { kDone, kAgain, kBlocked, kClosed };

  void flush(std::int64_t now_us);
  void fill(Window& window, std::uint64_t first, std::uint64_t end) const;
  // Sends until the player is at the end, blocked or gone.
  void serve(Player& player, std::int64_t now_us);
  Step step(Player& player, std::int64_t now_us);
  bool start(Player& player);
  std::optional<std::uint64_t> beginning(const Player& player) const;
  std::optional<std::uint64_t> oldest_key(std::uint64_t newest) const;
  static void start_anew(Player& player);
  Step send_run(Player& player, const Window& window, std::int64_t now_us);
  void queue_newest(Player& player, const media::SampleRecord& first);
  bool queue_configurations(Player& player, const media::SampleRecord& next);
  bool queue_configuration(Player& player, std::uint32_t index, std::uint32_t timestamp_ms);
  static bool queue_message(Player& player, rtmp::MessageType type, ByteView body,
                            std::uint32_t timestamp_ms);
  // Whether it can take the track; remembers that.
  static bool admit(Player& player, const media::LogReader::Configuration& configuration);
  Step skip(Player& player, std::int64_t now_us);
  Step disconnect(Player& player, std::string_view why);
  void check_slow(Player& player, std::int64_t now_us);
  void tell_withheld(Player& player);
  // Players that may not watch this publication get a status and are closed.
  void send_away(Player& player, const LiveStream& stream);
  void publisher_left(Player& player, std::int64_t now_us);
  void release_log();
  void hold();
  void count_sent();
  // Players may leave while it runs.
  template <class Work>
  void each(Work work);

  Shard& shard_;
  std::string stream_id_;
  LiveStreamPtr stream_;
  std::optional<media::LogReader> reader_;
  bool ending_ = false;  // the log has ended; players that have not come to its end yet are still served
  std::vector<Player*> players_;  // null: left during each()
  int iterating_ = 0;
  Window live_;               // since the last flush
  Window catch_up_;           // for one player that is behind
  std::uint64_t served_ = 0;  // end of the last flush
  net::Timer flush_timer_;
  std::int64_t flushed_us_ = 0;  // when the last flush was over
  std::int64_t flush_cost_us_ = 0;
  std::uint64_t sent_bytes_ = 0;  // of this flush
  std::uint64_t sends_ = 0;
};

}  // namespace millrace::ingest
