// All clients of the live feed. A thread of its own puts the numbers that come once a second on the board,
// wakes the clients, and looks at their deadlines once a second.
#pragma once

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <unordered_map>
#include <vector>

#include "engine_session.hpp"
#include "live_client.hpp"
#include "public_names.hpp"

namespace millrace::api {

struct LiveLimits {
  std::size_t clients = 10'000;            // of all kinds; further ones get 503
  std::size_t sessions_per_address = 512;  // of Engine.IO, of an IPv4 address or IPv6 /64; 0: no such limit
};

struct LiveStatistics {
  std::size_t websockets = 0;
  std::size_t sessions = 0;  // of Engine.IO
  std::uint64_t refused = 0;
  std::uint64_t updates_dropped = 0;
};

class LiveHub {
 public:
  static constexpr std::size_t kMostUpdates = 64;  // waiting for the thread; beyond: the oldest goes

  LiveHub(LiveLimits limits, std::shared_ptr<LiveShared> shared);
  ~LiveHub();  // drains
  LiveHub(const LiveHub&) = delete;
  LiveHub& operator=(const LiveHub&) = delete;

  // What streams are called from now on, until drain(); before that, and for null, by their public ids.
  void name_by(PublicNames* names);
  // Any thread; only queues.
  void update(const std::vector<MetricsFeed::Numbers>& streams);

  // Null: there are too many already.
  std::shared_ptr<LiveClient> make_client();
  std::shared_ptr<EngineSession> make_session(const std::string& peer_address, Secret token, bool websocket);
  std::shared_ptr<EngineSession> find_session(std::string_view sid) const;
  LiveStatistics statistics() const;
  // Stops the thread, takes no more, and ends all sessions, so that no poll is waited for. Auth is not asked
  // afterwards.
  void drain();

 private:
  void run();
  LiveBoard::NameOf learn_names(const std::vector<MetricsFeed::Numbers>& streams) const;
  void put_on_board(const std::vector<std::vector<MetricsFeed::Numbers>>& updates);
  void tick();
  bool is_full() const { return stopping_ || clients_.size() + sessions_.size() >= limits_.clients; }
  std::vector<std::shared_ptr<LiveClient>> all_clients() const;
  std::vector<std::shared_ptr<EngineSession>> all_sessions() const;

  const LiveLimits limits_;
  const std::shared_ptr<LiveShared> shared_;

  mutable std::mutex mutex_;  // guards what follows
  std::condition_variable changed_;
  PublicNames* names_ = nullptr;
  std::vector<std::vector<MetricsFeed::Numbers>> updates_;
  std::vector<std::weak_ptr<LiveClient>> clients_;  // plain ones
  std::unordered_map<std::string, std::shared_ptr<EngineSession>> sessions_;
  std::unordered_map<std::string, std::size_t> sessions_by_address_;
  std::uint64_t refused_ = 0;
  std::uint64_t updates_dropped_ = 0;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace millrace::api
