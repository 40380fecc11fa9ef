// The RTMP side of ingest as a whole: listener, I/O threads, their shards, the arena's upkeep, slates.
//
// Owner: the service. start, drain and the destructor from one thread; counters and ports from any.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <semaphore>
#include <vector>

#include "forward/forwards.hpp"
#include "net/io_threads.hpp"
#include "net/listener.hpp"
#include "net/standing_task.hpp"
#include "server/shard.hpp"

namespace millrace::ingest {

// What it works with; all of it outlives the server.
struct ServerParts {
  const IngestConfig& config;
  media::ArenaWriter& arena;
  media::ArenaReader& arena_reader;
  Authority& authority;
  Announcer& announcer;
  LiveStreams& streams;
  std::function<void(const std::shared_ptr<PublicationTicket>&)> start_publication;
  const net::TlsCertificate* certificate = nullptr;  // null: no RTMPS
};

class Server {
 public:
  static Result<std::unique_ptr<Server>> start(const ServerParts& parts);
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  std::uint16_t port() const { return listener_port_; }
  std::uint16_t tls_port() const { return tls_listener_port_; }  // 0: no RTMPS
  const ServerCounters& counters() const { return shared_.counters; }
  const Slates& slates() const { return slates_; }
  Slates& slates() { return slates_; }
  Forwards& forwards() const { return *forwards_; }
  net::ListenerStatistics listener_statistics() const;
  std::vector<net::PollerStatistics> poller_statistics() const;

  // Accepts no more and asks clients to reconnect that know how: they have kReconnectGrace, at most half of
  // the time there is, to leave by themselves. Then sends publishers and players a status, and waits until
  // all have gone; what is left at the deadline is cut off. The threads have ended afterwards.
  static constexpr std::chrono::seconds kReconnectGrace{3};
  void drain(std::chrono::steady_clock::time_point deadline);

 private:
  explicit Server(const ServerParts& parts);
  Result<void> open();
  Result<void> listen();
  void adopt(net::Accepted accepted, Shard::Port port);
  void maintain();
  void write_slates();
  // Waits until the shard's thread has run it; needs no memory of its own.
  void run_on(std::size_t shard, const std::function<void()>& work);

  Admission admission_;
  Slates slates_;
  ServerShared shared_;
  net::IoThreads threads_;
  std::vector<std::unique_ptr<Shard>> shards_;
  std::vector<std::unique_ptr<net::StandingTask>> errands_;  // run_on(), by shard
  const std::function<void()>* errand_ = nullptr;
  std::binary_semaphore errand_done_{0};
  std::unique_ptr<net::Listener> listener_;
  std::unique_ptr<net::Listener> tls_listener_;
  std::unique_ptr<net::Timer> maintenance_;
  std::unique_ptr<net::Timer> slate_timer_;
  std::uint16_t listener_port_ = 0;
  std::uint16_t tls_listener_port_ = 0;
  std::uint32_t maintenances_ = 0;
  std::size_t next_shard_ = 0;
  bool running_ = false;
  // Last: its answers go to the shards.
  std::unique_ptr<Forwards> forwards_;
};

}  // namespace millrace::ingest
