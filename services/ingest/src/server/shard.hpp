// One I/O thread of ingest: its connections, its receive buffer, its groups of players. Nothing here is
// touched by another thread; others post.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/bytes.hpp"
#include "config.hpp"
#include "media/arena_reader.hpp"
#include "net/listener.hpp"
#include "net/poller.hpp"
#include "net/standing_task.hpp"
#include "net/timer.hpp"
#include "other_services.hpp"
#include "play/play_role.hpp"
#include "play/player_groups.hpp"
#include "publish/publish_role.hpp"
#include "rtmp/server_session.hpp"
#include "server/admission.hpp"
#include "server/server_counters.hpp"
#include "server/work_budget.hpp"
#include "streams/live_streams.hpp"

namespace millrace::net {
class TlsCertificate;
}

namespace millrace::ingest {

class PreRtmpConnection;
class Connection;
class ForwardSet;
class Forwards;
class PublicationTicket;
class Shard;

// What all shards share; outlives them.
struct ServerShared {
  const IngestConfig& config;
  media::ArenaWriter& arena;
  media::ArenaReader& arena_reader;
  Authority& authority;
  Announcer& announcer;
  LiveStreams& streams;
  Slates& slates;
  Admission& admission;
  const net::TlsCertificate* certificate;  // null: no RTMPS
  // Starts the actor of a publication.
  std::function<void(const std::shared_ptr<PublicationTicket>&)> start_publication;
  ServerCounters counters;
  std::vector<Shard*> shards;
  std::atomic<std::uint64_t> next_connection{1};
  // Clients that were asked to reconnect and are still here.
  std::atomic<std::uint64_t> asked_to_reconnect{0};
  Forwards* forwards = nullptr;  // set before the shards are made
};

class Shard {
 public:
  static constexpr std::size_t kReceiveBuffer = 256U << 10;
  static constexpr std::uint32_t kLinesPerSecond = 10;  // about bad peers

  Shard(boost::asio::io_context& context, std::size_t index, ServerShared& shared);
  ~Shard();
  Shard(const Shard&) = delete;
  Shard& operator=(const Shard&) = delete;

  // Before the thread runs.
  Result<void> open();

  // Any thread: runs work on this one.
  void post(std::function<void()> work);
  // Any thread: runs work with the connection, if it still exists.
  void post_to(std::uint64_t connection, std::function<void(Connection&)> work);

  // On this thread.
  enum class Port : std::uint8_t { kRtmp, kRtmps };
  void adopt(net::Accepted accepted, Port port);
  // Runs the clean-up of what got no memory, with a little that was kept for that.
  void without_memory(const std::function<void()>& clean_up);
  // A place for the client, or nullopt: counted and logged, to be closed.
  std::optional<Admission::Place> admit(const net::IpAddress& address);
  // It is through: becomes a connection.
  void promote(PreRtmpConnection& entering);
  void retire_pre_rtmp(std::uint64_t connection);
  // TLS handshakes take a share of this thread's time; a client beyond it waits.
  WorkBudget& handshake_budget() { return handshake_budget_; }
  void park(std::uint64_t connection);
  // Asks the clients that know Enhanced RTMP's reconnect request to leave by themselves.
  void ask_to_reconnect();
  // Tells every publisher and player that the server stops, and closes them when they have heard it.
  void drain();
  void close_all();

  std::size_t index() const { return index_; }
  boost::asio::io_context& context() { return context_; }
  net::Poller& poller() { return *poller_; }
  ServerShared& shared() { return shared_; }
  const IngestConfig& config() const { return shared_.config; }
  ServerCounters& counters() { return shared_.counters; }
  // How many clients were asked to and are still here, on all shards.
  std::atomic<std::uint64_t>& asked_to_reconnect() { return shared_.asked_to_reconnect; }
  std::vector<std::uint8_t>& receive_buffer() { return receive_buffer_; }
  std::vector<rtmp::Action>& actions() { return actions_; }
  // Destroys the connection when the running dispatch is over.
  void retire(std::uint64_t connection);
  // The publisher wrote records: they are reported after the dispatch.
  void mark_dirty(std::uint64_t connection);
  // What roles of connections work with.
  const PublishContext& publish_context() const { return publish_context_; }
  const PlayContext& play_context() const { return play_context_; }
  // A log began or ended.
  void stream_changed(const LiveStreamPtr& stream);
  // Forwards of this shard.
  ForwardSet& forwards() { return *forwards_; }
  // New records for players and forwards of this shard.
  void wake_players(const LiveStreamPtr& stream);
  // Whether one more line about a bad peer fits into this second; counts those that do not.
  bool may_log(std::int64_t now_us);
  net::PollerStatistics poller_statistics() const { return poller_->statistics(); }

 private:
  void after_dispatch();
  void announce_dirty();
  void wake_readers(const LiveStreamPtr& stream);
  void tick();
  void resume_parked();
  void close_pre_rtmp();

  static constexpr std::size_t kMemoryReserve = 256U << 10;

  void take_in(net::Accepted accepted, Port port);

  std::unique_ptr<std::byte[]> memory_reserve_ = std::make_unique<std::byte[]>(kMemoryReserve);
  boost::asio::io_context& context_;
  std::size_t index_;
  ServerShared& shared_;
  PublishContext publish_context_;
  PlayContext play_context_;
  std::unique_ptr<net::Poller> poller_;
  net::Timer tick_timer_;
  std::vector<std::uint8_t> receive_buffer_;
  std::vector<rtmp::Action> actions_;
  std::unordered_map<std::uint64_t, std::unique_ptr<Connection>> connections_;
  std::vector<std::unique_ptr<Connection>> retired_;
  std::unordered_map<std::uint64_t, std::unique_ptr<PreRtmpConnection>> pre_rtmp_;
  std::vector<std::unique_ptr<PreRtmpConnection>> retired_pre_rtmp_;
  net::StandingTask clear_retired_;
  std::vector<std::uint64_t> parked_;
  WorkBudget handshake_budget_;
  net::Timer parked_timer_;
  std::vector<std::uint64_t> dirty_;
  PlayerGroups groups_;
  std::unique_ptr<ForwardSet> forwards_;
  std::int64_t log_window_us_ = 0;
  std::uint32_t logged_ = 0;
  std::uint64_t not_logged_ = 0;
  bool draining_ = false;
};

}  // namespace millrace::ingest
