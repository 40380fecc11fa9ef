#include "http/server.hpp"

#include <signal.h>

#include <algorithm>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>

#include "base/clock.hpp"
#include "base/log.hpp"
#include "http/connection.hpp"
#include "http/core.hpp"
#include "http/response_header.hpp"

namespace millrace::http {
namespace {

namespace asio = boost::asio;

constexpr std::chrono::milliseconds kStopPatience{5'000};
// Between two looks at live streams: the shorter, the less delay; longer when a look costs much.
constexpr std::chrono::microseconds kMinPollPause{5'000};
constexpr std::chrono::microseconds kMaxPollPause{25'000};
constexpr int kPollFactor = 8;

// sendfile has no MSG_NOSIGNAL: a client that resets would kill the process.
void block_sigpipe() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGPIPE);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
}

}  // namespace

std::string_view Worker::http_date() {
  const std::int64_t second = wall_us() / 1'000'000;
  if (second != date_second) {
    date_second = second;
    date = imf_fixdate(second);
  }
  return date;
}

void Worker::poll(const std::shared_ptr<Connection>& connection) {
  polled.insert(connection);
  if (!poll_timer) {
    poll_timer.emplace(context);
    wait_to_poll(kMinPollPause);
  }
}

void Worker::wait_to_poll(std::chrono::microseconds pause) {
  poll_timer->expires_after(pause);
  poll_timer->async_wait([this](const boost::system::error_code& error) {
    if (!error) poll_all();
  });
}

void Worker::poll_all() {
  if (polled.empty()) return poll_timer.reset();
  const auto begin = std::chrono::steady_clock::now();
  const std::vector<std::shared_ptr<Connection>> all(polled.begin(), polled.end());  // some may close
  for (const std::shared_ptr<Connection>& connection : all) connection->poll();
  const auto cost = std::chrono::steady_clock::now() - begin;
  wait_to_poll(std::clamp(std::chrono::duration_cast<std::chrono::microseconds>(kPollFactor * cost),
                          kMinPollPause, kMaxPollPause));
}

Server::Core::Core(ServerConfig config, Handler handler)
    : config_(std::move(config)), handler_(std::move(handler)) {}

Server::Core::~Core() = default;

Result<void> Server::Core::start() {
  for (unsigned i = 0; i < std::max(1U, config_.threads); ++i) workers_.push_back(std::make_unique<Worker>());
  const net::ListenerConfig listen{config_.address, config_.port, config_.port_variable, 4096};
  // The listener never outlives the Core: a plain pointer is enough, and a shared one would be a cycle.
  auto listener = net::Listener::open(workers_.front()->context, listen,
                                      [this](net::Accepted accepted) { adopt(std::move(accepted)); });
  if (!listener) return tl::unexpected(listener.error());
  listener_ = std::move(*listener);
  port_ = listener_->port();
  for (const std::unique_ptr<Worker>& worker : workers_) {
    worker->guard.emplace(worker->context.get_executor());
    worker->thread = std::thread([context = &worker->context] {
      block_sigpipe();
      context->run();
    });
  }
  return {};
}

bool Server::Core::admit(const std::string& peer_address) {
  const std::lock_guard lock(mutex_);
  if (draining() || open_ >= config_.limits.connections) return false;
  std::size_t& of_address = open_by_address_[peer_address];
  const std::size_t most = config_.limits.connections_per_address;
  if (most > 0 && of_address >= most) return false;
  ++of_address;
  ++open_;
  return true;
}

void Server::Core::release(const std::string& peer_address) {
  const std::lock_guard lock(mutex_);
  const auto entry = open_by_address_.find(peer_address);
  if (entry != open_by_address_.end() && --entry->second == 0) open_by_address_.erase(entry);
  if (--open_ == 0) empty_.notify_all();
}

void Server::Core::adopt(net::Accepted accepted) {
  counters_.accepted.fetch_add(1, std::memory_order_relaxed);
  // An IPv4 peer of a dual-stack socket is written as IPv4: limits and logs should not see two names for it.
  static constexpr std::string_view kMapped = "::ffff:";
  const bool is_v6 = accepted.peer_address.find(':') != std::string::npos;
  std::string peer = std::move(accepted.peer_address);
  if (peer.starts_with(kMapped) && peer.find('.') != std::string::npos) peer.erase(0, kMapped.size());
  if (!admit(peer)) {
    counters_.refused_connections.fetch_add(1, std::memory_order_relaxed);
    return;
  }
  counters_.connections.fetch_add(1, std::memory_order_relaxed);
  Worker& worker = *workers_[next_worker_++ % workers_.size()];
  asio::post(worker.context, [core = shared_from_this(), &worker, is_v6, peer = std::move(peer),
                              fd = std::move(accepted.socket)]() mutable {
    Connection::Socket socket(worker.context, is_v6 ? asio::ip::tcp::v6() : asio::ip::tcp::v4(),
                              fd.release());
    auto connection = std::make_shared<Connection>(core, worker, std::move(socket), std::move(peer));
    worker.connections.insert(connection);
    connection->start();
  });
}

void Server::Core::closed(Worker& worker, const std::shared_ptr<Connection>& connection,
                          const std::string& peer_address) {
  worker.connections.erase(connection);
  worker.polled.erase(connection);
  counters_.connections.fetch_sub(1, std::memory_order_relaxed);
  release(peer_address);
}

void Server::Core::on_each_connection(void (Connection::*action)()) {
  for (const std::unique_ptr<Worker>& worker : workers_) {
    asio::post(worker->context, [&worker = *worker, action] {
      const auto connections = worker.connections;  // the action changes the set
      for (const std::shared_ptr<Connection>& connection : connections) ((*connection).*action)();
    });
  }
}

bool Server::Core::wait_until_empty(std::chrono::milliseconds patience) {
  std::unique_lock lock(mutex_);
  return empty_.wait_for(lock, patience, [this] { return open_ == 0; });
}

void Server::Core::stop_listening() {
  const std::lock_guard lock(mutex_);
  out_of_descriptors_ = listener_->statistics().refused;
  listener_.reset();
}

Statistics Server::Core::statistics() const {
  Statistics out = counters_.statistics();
  const std::lock_guard lock(mutex_);
  out.out_of_descriptors = listener_ ? listener_->statistics().refused : out_of_descriptors_;
  return out;
}

void Server::Core::drain(std::chrono::milliseconds grace) {
  {
    const std::lock_guard lock(mutex_);
    if (stopped_) return;
    stopped_ = true;
    draining_ = true;
  }
  asio::post(workers_.front()->context, [this] { stop_listening(); });
  on_each_connection(&Connection::drain);
  if (!wait_until_empty(grace)) {
    on_each_connection(&Connection::close);
    if (!wait_until_empty(kStopPatience)) log::error("connections left at stop", {{"server", config_.name}});
  }
  for (const std::unique_ptr<Worker>& worker : workers_) {
    worker->guard.reset();
    worker->thread.join();
  }
  handler_ = nullptr;
}

Server::Server(std::shared_ptr<Core> core) : core_(std::move(core)) {}

Server::~Server() {
  stop();
}

Result<std::unique_ptr<Server>> Server::start(ServerConfig config, Handler handler) {
  auto core = std::make_shared<Core>(std::move(config), std::move(handler));
  if (Result<void> started = core->start(); !started) return tl::unexpected(started.error());
  return std::unique_ptr<Server>(new Server(std::move(core)));
}

std::uint16_t Server::port() const {
  return core_->port();
}

Statistics Server::statistics() const {
  return core_->statistics();
}

std::function<Statistics()> Server::statistics_source() const {
  return [core = core_] { return core->statistics(); };
}

void Server::drain(std::chrono::milliseconds grace) {
  core_->drain(grace);
}

}  // namespace millrace::http
