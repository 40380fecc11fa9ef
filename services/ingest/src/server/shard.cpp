#include "server/shard.hpp"

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <new>

#include "base/clock.hpp"
#include "base/log.hpp"
#include "base/scarce_memory.hpp"
#include "base/survive.hpp"
#include "forward/forward_set.hpp"
#include "server/connection.hpp"
#include "server/pre_rtmp_connection.hpp"

namespace millrace::ingest {

namespace {

constexpr std::int64_t kTickUs = 500'000;
// A quarter of a thread at most goes into handshakes.
constexpr std::int64_t kHandshakeWindowUs = 40'000;
constexpr std::int64_t kHandshakeUs = 10'000;

}  // namespace

Shard::Shard(boost::asio::io_context& context, std::size_t index, ServerShared& shared)
    : context_(context),
      index_(index),
      shared_(shared),
      publish_context_{shared.config, shared.counters,         shared.arena, shared.announcer, shared.streams,
                       shared.slates, shared.start_publication},
      play_context_{shared.config, shared.counters, shared.authority, shared.announcer, groups_},
      tick_timer_(context),
      receive_buffer_(kReceiveBuffer),
      clear_retired_(context,
                     [this] {
                       retired_.clear();
                       retired_pre_rtmp_.clear();
                     }),
      handshake_budget_(kHandshakeWindowUs, kHandshakeUs),
      parked_timer_(context),
      groups_({context, index, shared.streams, shared.arena_reader, shared.counters}),
      forwards_(std::make_unique<ForwardSet>(*this, *shared.forwards)) {}

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
    Connection& connection_here = *found->second;
    try {
      const CanGiveUp scope;
      work(connection_here);
    } catch (const std::bad_alloc&) {
      connection_here.out_of_memory();
    } catch (...) {
      note_exception("rtmp connection");
      connection_here.on_exception();
    }
    after_dispatch();
  });
}

void Shard::adopt(net::Accepted accepted, Port port) {
  try {
    const CanGiveUp scope;
    take_in(std::move(accepted), port);
  } catch (const std::bad_alloc&) {
    without_memory([] {});  // one who comes is the first to go without
  }
}

void Shard::without_memory(const std::function<void()>& clean_up) {
  memory_reserve_.reset();
  clean_up();
  memory_reserve_.reset(new (std::nothrow) std::byte[kMemoryReserve]);
  const std::int64_t now = monotonic_us();
  if (may_log(now)) log::error("out of memory: a connection was given up");
}

void Shard::take_in(net::Accepted accepted, Port port) {
  ServerCounters& counters = shared_.counters;
  const bool full = counters.connections.load(std::memory_order_relaxed) >= shared_.config.max_connections;
  if (draining_ || full) {
    if (full) counters.over_limit.fetch_add(1, std::memory_order_relaxed);
    return;
  }
  const net::IpAddress address = net::IpAddress::parse(accepted.peer_address).value_or(net::IpAddress());
  const bool proxy = !shared_.config.proxies.empty() && shared_.config.proxies.contains(address);
  // A proxy is not counted: its clients are.
  auto place = proxy ? Admission::Place() : admit(address);
  if (!place) return;
  Peer peer{address, address.text(), std::move(*place)};
  const std::uint64_t id = shared_.next_connection.fetch_add(1, std::memory_order_relaxed);
  const std::int64_t now = monotonic_us();
  if (proxy || port == Port::kRtmps) {
    auto connection =
        std::make_unique<PreRtmpConnection>(*this, id, std::move(accepted.socket), std::move(peer),
                                            PreRtmpConnection::Preface{proxy, port == Port::kRtmps}, now);
    if (poller_->add(connection->fd(), *connection)) pre_rtmp_.emplace(id, std::move(connection));
    return;
  }
  auto connection =
      std::make_unique<Connection>(*this, id, Transport(std::move(accepted.socket)), std::move(peer), now);
  if (!poller_->add(connection->fd(), *connection)) return;
  connections_.emplace(id, std::move(connection));
}

std::optional<Admission::Place> Shard::admit(const net::IpAddress& address) {
  const std::int64_t now = monotonic_us();
  auto place = shared_.admission.admit(address, now);
  if (place) return place;
  shared_.counters.address_refused.fetch_add(1, std::memory_order_relaxed);
  if (may_log(now)) log::info("connection refused: its address is at a limit", {{"peer", address.text()}});
  return std::nullopt;
}

void Shard::promote(PreRtmpConnection& entering) {
  const std::uint64_t id = entering.id();
  const std::int64_t since = entering.since_us();
  auto connection = std::make_unique<Connection>(
      *this, id, Transport(entering.take_socket(), entering.take_tls()), entering.take_peer(), since);
  Connection& promoted = *connection;
  connections_.emplace(id, std::move(connection));
  poller_->watch(promoted.fd(), promoted, true, false);
  retire_pre_rtmp(id);
  promoted.on_ready(true, false);  // what TLS has read ahead makes no socket ready
}

void Shard::retire_pre_rtmp(std::uint64_t connection) {
  const auto found = pre_rtmp_.find(connection);
  if (found == pre_rtmp_.end()) return;
  retired_pre_rtmp_.push_back(std::move(found->second));  // it may be what runs
  pre_rtmp_.erase(found);
  clear_retired_.request();
}

void Shard::park(std::uint64_t connection) {
  parked_.push_back(connection);
  if (parked_timer_.running()) return;
  parked_timer_.start(std::max<std::int64_t>(handshake_budget_.next_us(monotonic_us()), 1),
                      [this] { resume_parked(); });
}

void Shard::resume_parked() {
  const std::vector<std::uint64_t> waiting = std::exchange(parked_, {});
  for (const std::uint64_t id : waiting) {
    const auto found = pre_rtmp_.find(id);
    if (found != pre_rtmp_.end()) found->second->resume();  // or it is parked again
  }
  after_dispatch();
}

void Shard::retire(std::uint64_t connection) {
  const auto found = connections_.find(connection);
  if (found == connections_.end()) return;
  retired_.push_back(std::move(found->second));
  connections_.erase(found);
  clear_retired_.request();
}

void Shard::mark_dirty(std::uint64_t connection) {
  dirty_.push_back(connection);
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

// Players hear of new records at once, the bus when a part or a segment has ended.
void Shard::announce_dirty() {
  std::vector<NewRecords> records;
  for (const std::uint64_t id : std::exchange(dirty_, {})) {
    const auto found = connections_.find(id);
    if (found == connections_.end()) continue;
    Connection& connection = *found->second;
    PublishRole* publisher = connection.publisher();
    if (publisher == nullptr) continue;
    const bool survived = survives("rtmp connection", [&] {
      if (publisher->report(records)) wake_readers(publisher->stream());
    });
    if (!survived) connection.on_exception();
  }
  if (!records.empty()) shared_.announcer.new_records(records);
}

// Of all shards that have some.
void Shard::wake_readers(const LiveStreamPtr& stream) {
  const std::uint64_t watching = stream->watching_shards.load(std::memory_order_acquire) |
                                 stream->forwarding_shards.load(std::memory_order_acquire);
  for (std::size_t i = 0; i < shared_.shards.size(); ++i) {
    const std::uint64_t bit = std::uint64_t{1} << i;
    if ((watching & bit) == 0) continue;
    Shard* shard = shared_.shards[i];
    if (shard == this) {
      wake_players(stream);
    } else if ((stream->woken_shards.fetch_or(bit, std::memory_order_acq_rel) & bit) == 0) {
      shard->post([shard, stream] { shard->wake_players(stream); });
    }
  }
}

void Shard::stream_changed(const LiveStreamPtr& stream) {
  if (stream->ended.load(std::memory_order_acquire)) {
    forwards_->stream_ended(stream);
    groups_.stream_ended(stream);
  } else {
    forwards_->stream_began(stream);
    groups_.stream_began(stream);
  }
}

void Shard::wake_players(const LiveStreamPtr& stream) {
  // Notified again of what comes after anybody here has looked.
  stream->woken_shards.fetch_and(~(std::uint64_t{1} << index_), std::memory_order_acq_rel);
  groups_.wake(stream);
  if ((stream->forwarding_shards.load(std::memory_order_acquire) >> index_ & 1) != 0) forwards_->wake(stream);
}

void Shard::tick() {
  tick_timer_.start(kTickUs, [this] { tick(); });
  const std::int64_t now = monotonic_us();
  // Ticks may retire connections and so change the maps.
  std::vector<Connection*> connections;
  connections.reserve(connections_.size());
  for (const auto& [id, connection] : connections_) connections.push_back(connection.get());
  for (Connection* connection : connections) {
    if (!survives("rtmp connection", [&] { connection->tick(now); })) connection->on_exception();
  }
  std::vector<PreRtmpConnection*> all;
  for (const auto& [id, connection] : pre_rtmp_) all.push_back(connection.get());
  for (PreRtmpConnection* connection : all) {
    if (!survives("before rtmp", [&] { connection->tick(now); })) connection->on_exception();
  }
  groups_.tick(now);
  forwards_->tick(now);
  after_dispatch();
}

void Shard::ask_to_reconnect() {
  draining_ = true;
  std::vector<Connection*> connections;
  for (const auto& [id, connection] : connections_) connections.push_back(connection.get());
  for (Connection* connection : connections) (void)connection->ask_to_reconnect();
}

void Shard::drain() {
  draining_ = true;
  std::vector<Connection*> connections;
  for (const auto& [id, connection] : connections_) connections.push_back(connection.get());
  for (Connection* connection : connections) connection->drain();
  close_pre_rtmp();
}

void Shard::close_pre_rtmp() {
  std::vector<PreRtmpConnection*> all;
  for (const auto& [id, connection] : pre_rtmp_) all.push_back(connection.get());
  for (PreRtmpConnection* connection : all) connection->close();
}

void Shard::close_all() {
  std::vector<Connection*> connections;
  for (const auto& [id, connection] : connections_) connections.push_back(connection.get());
  for (Connection* connection : connections) connection->close(media::LogEnd::kDrained, "drained");
  close_pre_rtmp();
  parked_timer_.cancel();
  forwards_->close_all();
  tick_timer_.cancel();
}

}  // namespace millrace::ingest
