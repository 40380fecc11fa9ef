#include "live_hub.hpp"

#include "base/survive.hpp"
#include "net/ip_network.hpp"

namespace millrace::api {
namespace {

constexpr std::chrono::seconds kTickEvery{1};
constexpr std::size_t kSidBytes = 16;
// Numbers come once a second: what a stream is called is worth no more waiting than that.
constexpr std::chrono::seconds kNamesPatience{1};

}  // namespace

LiveHub::LiveHub(LiveLimits limits, std::shared_ptr<LiveShared> shared)
    : limits_(limits), shared_(std::move(shared)), thread_([this] { run(); }) {}

LiveHub::~LiveHub() {
  drain();
}

void LiveHub::drain() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_one();
  if (thread_.joinable()) thread_.join();
  for (const auto& session : all_sessions()) session->close();
}

void LiveHub::update(const std::vector<MetricsFeed::Numbers>& streams) {
  {
    const std::lock_guard lock(mutex_);
    if (updates_.size() >= kMostUpdates) {
      updates_.erase(updates_.begin());
      ++updates_dropped_;
    }
    updates_.push_back(streams);
  }
  changed_.notify_one();
}

std::shared_ptr<LiveClient> LiveHub::make_client() {
  auto client = std::make_shared<LiveClient>(shared_, LiveProtocol::kPlain);
  const std::lock_guard lock(mutex_);
  if (is_full()) {
    ++refused_;
    return nullptr;
  }
  clients_.push_back(client);
  return client;
}

std::shared_ptr<EngineSession> LiveHub::make_session(const std::string& peer_address, Secret token,
                                                     bool websocket) {
  auto session = std::make_shared<EngineSession>(shared_, random_hex(kSidBytes),
                                                 net::customer_of(peer_address), std::move(token));
  // Before the hub's thread knows it, and finds that it has not been heard of for long.
  session->begin(websocket);
  const std::lock_guard lock(mutex_);
  const auto known = sessions_by_address_.find(session->peer());
  const std::size_t count = known == sessions_by_address_.end() ? 0 : known->second;
  if (is_full() || (limits_.sessions_per_address != 0 && count >= limits_.sessions_per_address)) {
    ++refused_;
    return nullptr;
  }
  ++sessions_by_address_[session->peer()];
  sessions_.emplace(session->sid(), session);
  return session;
}

std::shared_ptr<EngineSession> LiveHub::find_session(std::string_view sid) const {
  const std::lock_guard lock(mutex_);
  const auto found = sessions_.find(std::string(sid));
  return found == sessions_.end() || found->second->is_closed() ? nullptr : found->second;
}

LiveStatistics LiveHub::statistics() const {
  const std::lock_guard lock(mutex_);
  return {clients_.size(), sessions_.size(), refused_, updates_dropped_};
}

std::vector<std::shared_ptr<LiveClient>> LiveHub::all_clients() const {
  std::vector<std::shared_ptr<LiveClient>> all;
  const std::lock_guard lock(mutex_);
  all.reserve(clients_.size());
  for (const auto& weak : clients_) {
    if (auto client = weak.lock()) all.push_back(std::move(client));
  }
  return all;
}

std::vector<std::shared_ptr<EngineSession>> LiveHub::all_sessions() const {
  std::vector<std::shared_ptr<EngineSession>> all;
  const std::lock_guard lock(mutex_);
  all.reserve(sessions_.size());
  for (const auto& [sid, session] : sessions_) all.push_back(session);
  return all;
}

void LiveHub::run() {
  auto next_tick = std::chrono::steady_clock::now() + kTickEvery;
  while (true) {
    std::vector<std::vector<MetricsFeed::Numbers>> updates;
    {
      std::unique_lock lock(mutex_);
      changed_.wait_until(lock, next_tick, [this] { return stopping_ || !updates_.empty(); });
      if (stopping_) return;
      updates.swap(updates_);
    }
    if (!updates.empty()) (void)survives("live hub", [&] { put_on_board(updates); });
    if (std::chrono::steady_clock::now() < next_tick) continue;
    next_tick = std::chrono::steady_clock::now() + kTickEvery;
    (void)survives("live hub", [this] { tick(); });
  }
}

void LiveHub::name_by(PublicNames* names) {
  const std::lock_guard lock(mutex_);
  names_ = names;
}

// Without an answer of auth, streams are called as before, new ones by their ids.
LiveBoard::NameOf LiveHub::learn_names(const std::vector<MetricsFeed::Numbers>& streams) const {
  PublicNames* names = nullptr;
  {
    const std::lock_guard lock(mutex_);
    names = names_;
  }
  if (names == nullptr) return LiveBoard::by_id;
  std::vector<std::string> ids;
  for (const MetricsFeed::Numbers& stream : streams)
    if (stream->live()) ids.push_back(stream->stream_id());
  (void)names->learn(ids, std::chrono::steady_clock::now() + kNamesPatience);
  return [names](const std::string& stream_id) { return names->name_of(stream_id); };
}

void LiveHub::put_on_board(const std::vector<std::vector<MetricsFeed::Numbers>>& updates) {
  const std::int64_t now_us = shared_->monotonic_us();
  for (const auto& streams : updates) shared_->board.update(streams, now_us, learn_names(streams));
  for (const auto& client : all_clients()) client->wake();
  for (const auto& session : all_sessions()) session->wake();
}

void LiveHub::tick() {
  for (const auto& client : all_clients()) client->tick();
  for (const auto& session : all_sessions()) session->tick();
  // The last references of some may go here: after the lock.
  std::vector<std::shared_ptr<EngineSession>> closed;
  const std::lock_guard lock(mutex_);
  std::erase_if(clients_, [](const auto& weak) { return weak.expired(); });
  for (auto it = sessions_.begin(); it != sessions_.end();) {
    if (!it->second->is_closed()) {
      ++it;
      continue;
    }
    const auto count = sessions_by_address_.find(it->second->peer());
    if (--count->second == 0) sessions_by_address_.erase(count);
    closed.push_back(it->second);
    it = sessions_.erase(it);
  }
}

}  // namespace millrace::api
