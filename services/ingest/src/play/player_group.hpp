// The RTMP players of one stream on one shard. All read the media log through one reader; each is a cursor. A
// batch of new records goes to every player in one system call each, straight from the log's memory.
//
// Policies: batches are merged while sending costs much (up to 25 ms); a player whose socket is full and that
// is behind skips to the newest key frame or is disconnected (kPlayerSkips), and so is one without progress
// for kStuckUs. Nobody waits for a player: its socket is non-blocking and its cursor its own.
//
// Owner: the shard; its thread only.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "media/arena_reader.hpp"
#include "net/timer.hpp"
#include "play/player.hpp"
#include "play/player_run.hpp"
#include "server/server_counters.hpp"
#include "streams/live_streams.hpp"

namespace millrace::ingest {

// What the groups of one shard work with; all of it outlives them.
struct PlayerGroupContext {
  boost::asio::io_context& context;
  std::size_t shard_index;
  LiveStreams& streams;
  media::ArenaReader& arena_reader;
  ServerCounters& counters;
};

class PlayerGroup {
 public:
  static constexpr std::int64_t kMaxMergeUs = 25'000;
  static constexpr std::int64_t kStuckUs = 10'000'000;
  // A player that can take none of the tracks is sent away after that: others may still come.
  static constexpr std::int64_t kNothingLeftUs = 2'000'000;
  static constexpr std::int64_t kIdleUs = 60'000'000;  // a player without a publisher is sent away

  PlayerGroup(const PlayerGroupContext& context, std::string stream_id);
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
  enum class Step : std::uint8_t { kDone, kAgain, kBlocked, kClosed };

  void flush(std::int64_t now_us);
  // Sends until the player is at the end, blocked or gone.
  void serve(Player& player, std::int64_t now_us);
  Step step(Player& player, std::int64_t now_us);
  bool start(Player& player);
  static void restart(Player& player);
  Step send_run(Player& player, std::span<const LogEntry> entries, std::int64_t now_us);
  bool queue_configurations(Player& player, const LogEntry& next);
  static bool queue_configuration(Player& player, const media::LogReader::Configuration& configuration,
                                  std::uint32_t timestamp_ms);
  static bool queue_message(Player& player, rtmp::MessageType type, ByteView body,
                            std::uint32_t timestamp_ms);
  // Whether it can take the track; remembers that.
  static bool admit(Player& player, const media::LogReader::Configuration& configuration);
  Step skip(Player& player, std::int64_t now_us);
  Step disconnect(Player& player, std::string_view why);
  void check_slow(Player& player, std::int64_t now_us);
  void report_withheld(Player& player);
  // Players that may not watch this publication get a status and are closed.
  void send_away(Player& player, const LiveStream& stream);
  void publisher_left(Player& player, std::int64_t now_us);
  void release_log();
  void hold();
  void count_sent();
  // Players may leave while it runs.
  template <class Work>
  void each(Work work);

  PlayerGroupContext context_;
  std::string stream_id_;
  LiveStreamPtr stream_;
  std::optional<media::LogReader> reader_;
  bool ending_ = false;  // the log has ended; players that have not come to its end yet are still served
  std::vector<Player*> players_;  // null: left during each()
  int iterating_ = 0;
  media::LogWindow live_;      // since the last flush
  media::LogWindow catch_up_;  // for one player that is behind
  std::uint64_t served_ = 0;   // end of the last flush
  net::Timer flush_timer_;
  std::int64_t flushed_us_ = 0;  // when the last flush was over
  std::int64_t flush_cost_us_ = 0;
  std::uint64_t sent_bytes_ = 0;  // of this flush
  std::uint64_t sends_ = 0;
};

}  // namespace millrace::ingest
