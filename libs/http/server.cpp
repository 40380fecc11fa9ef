#include "http/server.hpp"

#include <signal.h>

#include <algorithm>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>

#include "base/clock.hpp"
#include "base/log.hpp"
#include "base/survive.hpp"
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
  const std::int64_t second = wall_now().seconds();
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

void Worker::wait_to_poll(std::chrono::microseconds pause) noexcept {
  poll_timer->expires_after(pause);
  poll_timer->async_wait([this](const boost::system::error_code& error) {
    if (!error) poll_all();
  });
}

void Worker::poll_all() noexcept {
  if (polled.empty()) return poll_timer.reset();
  const auto begin = std::chrono::steady_clock::now();
  const std::vector<std::shared_ptr<Connection>> all(polled.begin(), polled.end());  // some may close
  for (const std::shared_ptr<Connection>& connection : all) connection->poll();
  const auto cost = std::chrono::steady_clock::now() - begin;
  wait_to_poll(std::clamp(std::chrono::duration_cast<std::chrono::microseconds>(kPollFactor * cost),
                          kMinPollPause, kMaxPollPause));
}

Server::Core::Core(ServerConfig config)
    : config_(std::move(config)),
      places_(std::make_shared<Places>(config_.limits.connections, config_.limits.connections_per_address)),
      late_places_(std::make_shared<Places>(kMostLate, 0)) {}

Server::Core::~Core() = default;

Result<void> Server::Core::listen() {
  for (unsigned i = 0; i < std::max(1U, config_.threads); ++i) workers_.push_back(std::make_unique<Worker>());
  const net::ListenerConfig listen{config_.address, config_.port, config_.port_variable, 4096};
  // The listener never outlives the Core: a plain pointer is enough, and a shared one would be a cycle.
  auto listener = net::Listener::open(workers_.front()->context, listen,
                                      [this](net::Accepted accepted) { adopt(std::move(accepted)); });
  if (!listener) return tl::unexpected(listener.error());
  listener_ = std::move(*listener);
  port_ = listener_->port();
  return {};
}

void Server::Core::serve(Handler handler) {
  handler_ = std::move(handler);
  for (const std::unique_ptr<Worker>& worker : workers_) {
    worker->guard.emplace(worker->context.get_executor());
    worker->leave.emplace(worker->context, [this, &worker = *worker] { leave(worker); });
    worker->thread = std::thread([context = &worker->context] {
      block_sigpipe();
      while (!survives("http worker", [context] { context->run(); })) {
      }
    });
  }
}

void Server::Core::adopt(net::Accepted accepted) {
  add(counters_.accepted);
  // An IPv4 peer of a dual-stack socket is written as IPv4: limits and logs should not see two names for it.
  const bool is_v6 = accepted.peer_address.find(':') != std::string::npos;
  const std::optional<net::IpAddress> address = net::IpAddress::parse(accepted.peer_address);
  std::string peer = address ? address->text() : std::move(accepted.peer_address);
  std::optional<Places::Place> place = place_of(peer);
  if (!place) return add(counters_.refused_connections);
  Worker& worker = *workers_[next_worker_++ % workers_.size()];
  asio::post(worker.context, [core = shared_from_this(), &worker, is_v6, peer = std::move(peer),
                              fd = std::move(accepted.socket), place = std::move(*place)]() mutable {
    core->begin(worker, std::move(fd), is_v6, std::move(peer), std::move(place));
  });
}

// The drain does not wait for those that come in it.
std::optional<Places::Place> Server::Core::place_of(const std::string& peer) {
  if (draining()) return late_places_->take_for_proxy();
  return config_.proxies.contains(peer) ? places_->take_for_proxy() : places_->take(peer);
}

void Server::Core::begin(Worker& worker, net::UniqueFd fd, bool is_v6, std::string peer,
                         Places::Place place) {
  Connection::Socket socket(worker.context);
  boost::system::error_code error;  // the kernel has no memory to watch it with
  socket.assign(is_v6 ? asio::ip::tcp::v6() : asio::ip::tcp::v4(), fd.get(), error);
  if (error) return add(counters_.refused_connections);
  (void)fd.release();
  auto connection = std::make_shared<Connection>(shared_from_this(), worker, std::move(socket),
                                                 std::move(peer), std::move(place));
  worker.connections.insert(connection);
  connection->start();
}

void Server::Core::closed(Worker& worker, const std::shared_ptr<Connection>& connection) {
  worker.connections.erase(connection);
  worker.polled.erase(connection);
}

void Server::Core::enter(Phase phase) noexcept {
  phase_ = phase;
  for (const std::unique_ptr<Worker>& worker : workers_) worker->leave->request();
}

void Server::Core::leave(Worker& worker) {
  if (phase_ != Phase::kDraining && &worker == workers_.front().get()) stop_listening();
  if (phase_ == Phase::kEnding) return;
  for (auto next = worker.connections.begin(); next != worker.connections.end();) {
    const std::shared_ptr<Connection> connection = *next++;  // it may leave the set
    phase_ == Phase::kClosing ? connection->close() : connection->drain();
  }
}

void Server::Core::stop_listening() {
  const std::lock_guard lock(mutex_);
  if (!listener_) return;
  out_of_descriptors_ = listener_->statistics().refused;
  listener_.reset();
}

Statistics Server::Core::statistics() const {
  Statistics out = counters_.statistics();
  out.connections = places_->taken();
  const std::lock_guard lock(mutex_);
  out.out_of_descriptors = listener_ ? listener_->statistics().refused : out_of_descriptors_;
  return out;
}

void Server::Core::drain(std::chrono::milliseconds grace) {
  {
    const std::lock_guard lock(mutex_);
    if (stopped_) return;
    stopped_ = true;
  }
  if (!handler_) return stop_listening();  // there are no threads
  enter(Phase::kDraining);
  const bool drained = places_->wait_until_empty(grace);
  enter(Phase::kEnding);
  if (drained) (void)late_places_->wait_until_empty(std::min(grace, kLatePatience));
  enter(Phase::kClosing);
  if (!places_->wait_until_empty(kStopPatience) || !late_places_->wait_until_empty(kStopPatience))
    log::error("connections left at stop", {{"server", config_.name}});
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
  auto server = listen(std::move(config));
  if (server) (*server)->serve(std::move(handler));
  return server;
}

Result<std::unique_ptr<Server>> Server::listen(ServerConfig config) {
  auto core = std::make_shared<Core>(std::move(config));
  if (Result<void> listening = core->listen(); !listening) return tl::unexpected(listening.error());
  return std::unique_ptr<Server>(new Server(std::move(core)));
}

void Server::serve(Handler handler) {
  core_->serve(std::move(handler));
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
