#include "server/server.hpp"

#include <algorithm>
#include <thread>

#include "base/clock.hpp"
#include "base/survive.hpp"
#include "forward/forward_set.hpp"
#include "publish/publication_log.hpp"

namespace millrace::ingest {

namespace {

constexpr std::int64_t kMaintenanceUs = 1'000'000;
constexpr std::uint32_t kForgetEvery = 10;
constexpr std::int64_t kLeastWaitUs = 1'000;
constexpr std::chrono::milliseconds kDrainPoll{10};

}  // namespace

Server::Server(const ServerParts& parts)
    : admission_({.connections = parts.config.max_address_connections,
                  .whitelist = parts.config.connections_whitelist}),
      slates_(parts.arena, {.enabled = parts.config.writes_slates(),
                            .grace_us = std::chrono::microseconds(parts.config.reconnect_grace).count(),
                            .retention = retention(parts.config)}),
      shared_{.config = parts.config,
              .arena = parts.arena,
              .arena_reader = parts.arena_reader,
              .authority = parts.authority,
              .announcer = parts.announcer,
              .streams = parts.streams,
              .slates = slates_,
              .admission = admission_,
              .certificate = parts.certificate,
              .start_publication = parts.start_publication,
              .counters = {},
              .shards = {},
              .next_connection = 1},
      threads_("rtmp", parts.config.threads) {}

Result<std::unique_ptr<Server>> Server::start(const ServerParts& parts) {
  std::unique_ptr<Server> server(new Server(parts));
  if (const Result<void> opened = server->open(); !opened) return tl::unexpected<Error>(opened.error());
  return server;
}

Result<void> Server::open() {
  auto forwards = Forwards::open(shared_.config);
  if (!forwards) return fail("config.forwards", forwards.error().message);
  forwards_ = std::move(*forwards);
  shared_.forwards = forwards_.get();
  for (std::size_t i = 0; i < threads_.size(); ++i) {
    shards_.push_back(std::make_unique<Shard>(threads_.context(i), i, shared_));
    if (Result<void> opened = shards_.back()->open(); !opened) return opened;
    shared_.shards.push_back(shards_.back().get());
    errands_.push_back(std::make_unique<net::StandingTask>(threads_.context(i), [this] {
      (void)survives("ingest shard", *errand_);
      errand_done_.release();
    }));
  }
  if (Result<void> listening = listen(); !listening) return listening;
  shared_.streams.set_observer([this](const LiveStreamPtr& stream) {
    for (Shard* shard : shared_.shards) shard->post([shard, stream] { shard->stream_changed(stream); });
  });
  forwards_->set_observer([this](const std::string& stream_id) {
    for (Shard* shard : shared_.shards)
      shard->post([shard, stream_id] { shard->forwards().targets_changed(stream_id); });
  });
  maintenance_ = std::make_unique<net::Timer>(threads_.context(0));
  maintain();
  slate_timer_ = std::make_unique<net::Timer>(threads_.context(0));
  slates_.resume(shared_.arena_reader, {monotonic_us(), wall_now()});
  slates_.set_observer([this] { shards_.front()->post([this] { write_slates(); }); });
  write_slates();
  threads_.start();
  running_ = true;
  return {};
}

Result<void> Server::listen() {
  const IngestConfig& config = shared_.config;
  const auto open = [this](const std::string& address, std::uint16_t port, const char* variable,
                           Shard::Port kind) {
    return net::Listener::open(threads_.context(0), {address, port, variable, 4096},
                               [this, kind](net::Accepted accepted) { adopt(std::move(accepted), kind); });
  };
  auto listener = open(config.listen_address, config.rtmp_port, "RTMP_PORT", Shard::Port::kRtmp);
  if (!listener) return tl::unexpected<Error>(listener.error());
  listener_ = std::move(*listener);
  listener_port_ = listener_->port();
  if (shared_.certificate == nullptr) return {};
  const std::string& address = config.tls_address.empty() ? config.listen_address : config.tls_address;
  auto secure = open(address, config.tls_port, "SSL_PORT", Shard::Port::kRtmps);
  if (!secure) return tl::unexpected<Error>(secure.error());
  tls_listener_ = std::move(*secure);
  tls_listener_port_ = tls_listener_->port();
  return {};
}

Server::~Server() {
  drain(std::chrono::steady_clock::now());
  shared_.streams.set_observer(nullptr);
  slates_.set_observer(nullptr);
  if (forwards_) forwards_->set_observer(nullptr);
}

// On the first thread. Connections are dealt out in turn.
void Server::adopt(net::Accepted accepted, Shard::Port port) {
  Shard* shard = shared_.shards[next_shard_++ % shared_.shards.size()];
  if (shard->index() == 0) return shard->adopt(std::move(accepted), port);
  shard->post([shard, port, connection = std::make_shared<net::Accepted>(std::move(accepted))] {
    shard->adopt(std::move(*connection), port);
  });
}

void Server::maintain() {
  maintenance_->start(kMaintenanceUs, [this] { maintain(); });
  shared_.arena.maintain(monotonic_us());
  if (++maintenances_ % kForgetEvery == 0) admission_.forget(monotonic_us());
  std::vector<LiveStreamPtr> announced = shared_.streams.all();
  std::erase_if(announced, [](const LiveStreamPtr& stream) {
    return !stream->announced.load(std::memory_order_acquire);
  });
  shared_.announcer.statistics(announced);
}

// On the first thread.
void Server::write_slates() {
  if (!slate_timer_) return;                                        // draining
  slate_timer_->start(kMaintenanceUs, [this] { write_slates(); });  // should what follows fail
  const std::vector<NewRecords> written = slates_.advance(monotonic_us());
  if (!written.empty()) shared_.announcer.new_records(written);
  const auto due_us = slates_.due_us();
  if (!due_us) return slate_timer_->cancel();
  slate_timer_->start(std::max<std::int64_t>(*due_us - monotonic_us(), kLeastWaitUs),
                      [this] { write_slates(); });
}

void Server::run_on(std::size_t shard, const std::function<void()>& work) {
  errand_ = &work;
  errands_[shard]->request();
  errand_done_.acquire();
}

net::ListenerStatistics Server::listener_statistics() const {
  net::ListenerStatistics sum = listener_ ? listener_->statistics() : net::ListenerStatistics{};
  if (tls_listener_) {
    const net::ListenerStatistics secure = tls_listener_->statistics();
    sum.accepted += secure.accepted;
    sum.refused += secure.refused;
  }
  return sum;
}

std::vector<net::PollerStatistics> Server::poller_statistics() const {
  std::vector<net::PollerStatistics> all;
  all.reserve(shards_.size());
  for (const auto& shard : shards_) all.push_back(shard->poller_statistics());
  return all;
}

void Server::drain(std::chrono::steady_clock::time_point deadline) {
  if (!running_) return;
  running_ = false;
  run_on(0, [this] {
    listener_.reset();
    tls_listener_.reset();
    maintenance_.reset();
    slate_timer_.reset();
  });
  // Whoever writes the arena next goes on with them.
  slates_.stop();
  for (std::size_t i = 0; i < shards_.size(); ++i) run_on(i, [this, i] { shards_[i]->ask_to_reconnect(); });
  const auto now = std::chrono::steady_clock::now();
  const auto grace = std::min<std::chrono::steady_clock::duration>(kReconnectGrace, (deadline - now) / 2);
  while (shared_.asked_to_reconnect.load(std::memory_order_relaxed) > 0 &&
         std::chrono::steady_clock::now() < now + grace) {
    std::this_thread::sleep_for(kDrainPoll);
  }
  for (std::size_t i = 0; i < shards_.size(); ++i) run_on(i, [this, i] { shards_[i]->drain(); });
  while (
      (shared_.counters.connections.load(std::memory_order_relaxed) > 0 || !forwards_->running().empty()) &&
      std::chrono::steady_clock::now() < deadline) {
    std::this_thread::sleep_for(kDrainPoll);
  }
  for (std::size_t i = 0; i < shards_.size(); ++i) run_on(i, [this, i] { shards_[i]->close_all(); });
  threads_.stop();
}

}  // namespace millrace::ingest
