#include "shard.hpp"

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>

#include "base/clock.hpp"
#include "base/log.hpp"
#include "connection.hpp"
#include "player_group.hpp"

namespace millrace::ingest {

namespace {

constexpr std::int64_t kTickUs = 500'000;
constexpr std::int64_t kAnnounceUs = 20'000;
constexpr std::int64_t kAnnounceUnderLoadUs = 40'000;

}  // namespace

Shard::Shard(boost::asio::io_context& context, std::size_t index, ServerShared& shared)
    : context_(context),
      index_(index),
      shared_(shared),
      tick_timer_(context),
      announce_timer_(context),
      receive_buffer_(kReceiveBuffer) {}

Shard::~Shard() = default;

Result<void> Shard::open() {
  const std::int64_t gather_us = std::chrono::microseconds(shared_.config.gather).count();
  auto poller = net::Poller::open(context_, {gather_us, [this] { after_dispatch(); }});
  if (!poller) return tl::unexpected<Error>(poller.error());
  poller_ = std::move(*poller);
  tick_timer_.start(kTickUs, [this] { tick(); });
  return {};
}

void Shard::post(std::function<void()> work) {
  boost::asio::post(context_, std::move(work));
}

void Shard::post_to(std::uint64_t connection, std::function<void(Connection&)> work) {
  post([this, connection, work = std::move(work)] {
    const auto found = connections_.find(connection);
    if (found == connections_.end()) return;
    work(*found->second);
    after_dispatch();
  });
}

void Shard::adopt(net::Accepted accepted) {
  ServerCounters& counters = shared_.counters;
  const bool full = counters.connections.load(std::memory_order_relaxed) >= shared_.config.max_connections;
  if (draining_ || full) {
    if (full) counters.over_limit.fetch_add(1, std::memory_order_relaxed);
    return;
  }
  const std::uint64_t id = shared_.next_connection.fetch_add(1, std::memory_order_relaxed);
  auto connection = std::make_unique<Connection>(*this, id, std::move(accepted), monotonic_us());
  if (!poller_->add(connection->fd(), *connection)) return;
  connections_.emplace(id, std::move(connection));
}

void Shard::retire(std::uint64_t connection) {
  const auto found = connections_.find(connection);
  if (found == connections_.end()) return;
  const bool first = retired_.empty();
  retired_.push_back(std::move(found->second));
  connections_.erase(found);
  if (first) post([this] { retired_.clear(); });
}

void Shard::mark_dirty(Connection& publisher) {
  dirty_.push_back(publisher.id());
}

bool Shard::may_log(std::int64_t now_us) {
  constexpr std::int64_t kWindowUs = 1'000'000;
  if (now_us - log_window_us_ >= kWindowUs) {
    if (not_logged_ > 0) log::info("more bad peers than lines", {{"not_logged", not_logged_}});
    log_window_us_ = now_us;
    logged_ = 0;
    not_logged_ = 0;
  }
  if (logged_ < kLinesPerSecond) {
    ++logged_;
    return true;
  }
  ++not_logged_;
  return false;
}

void Shard::after_dispatch() {
  if (!dirty_.empty()) announce_dirty();
}

// Players hear of new records at once, the bus at most every 20 ms a stream: what is too early stays for the
// timer.
void Shard::announce_dirty() {
  const std::int64_t now = monotonic_us();
  const std::int64_t interval = poller_->statistics().gathering ? kAnnounceUnderLoadUs : kAnnounceUs;
  std::vector<std::uint64_t> early;
  std::vector<NewRecords> records;
  for (const std::uint64_t id : dirty_) {
    const auto found = connections_.find(id);
    if (found != connections_.end() && !found->second->announce(now, interval, records)) early.push_back(id);
  }
  if (!records.empty()) shared_.announcer.new_records(records);
  dirty_ = std::move(early);
  if (!dirty_.empty() && !announce_timer_.running())
    announce_timer_.start(interval, [this] { announce_dirty(); });
}

PlayerGroup& Shard::group(const std::string& stream_id) {
  std::unique_ptr<PlayerGroup>& group = groups_[stream_id];
  if (!group) group = std::make_unique<PlayerGroup>(*this, stream_id);
  return *group;
}

void Shard::stream_changed(const LiveStreamPtr& stream) {
  const auto found = groups_.find(stream->stream_id);
  if (found == groups_.end()) return;
  if (stream->ended.load(std::memory_order_acquire)) {
    found->second->detach(stream);
  } else {
    found->second->attach(stream);
  }
}

void Shard::wake_players(const LiveStreamPtr& stream) {
  const auto found = groups_.find(stream->stream_id);
  if (found != groups_.end()) {
    found->second->request_flush();
  } else {
    stream->woken_shards.fetch_and(~(std::uint64_t{1} << index_), std::memory_order_acq_rel);
  }
}

void Shard::tick() {
  const std::int64_t now = monotonic_us();
  // Ticks may retire connections and so change the maps.
  std::vector<Connection*> connections;
  connections.reserve(connections_.size());
  for (const auto& [id, connection] : connections_) connections.push_back(connection.get());
  for (Connection* connection : connections) connection->tick(now);
  for (const auto& [id, group] : groups_) group->tick(now);
  std::erase_if(groups_, [](const auto& entry) { return entry.second->empty(); });
  tick_timer_.start(kTickUs, [this] { tick(); });
}

void Shard::drain() {
  draining_ = true;
  std::vector<Connection*> connections;
  for (const auto& [id, connection] : connections_) connections.push_back(connection.get());
  for (Connection* connection : connections) connection->drain();
}

void Shard::close_all() {
  std::vector<Connection*> connections;
  for (const auto& [id, connection] : connections_) connections.push_back(connection.get());
  for (Connection* connection : connections) connection->close(media::LogEnd::kDrained, "drained");
  tick_timer_.cancel();
  announce_timer_.cancel();
}

}  // namespace millrace::ingest
