#include "net/listener.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <array>
#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cerrno>
#include <chrono>
#include <cstring>

#include "base/log.hpp"
#include "base/survive.hpp"
#include "net/errors.hpp"

namespace millrace::net {

namespace asio = boost::asio;
using asio::ip::tcp;

namespace {

constexpr int kAcceptsPerWakeUp = 64;
constexpr std::chrono::milliseconds kPauseWithoutDescriptors{100};
constexpr std::chrono::minutes kReportInterval{1};

UniqueFd open_spare() {
  return UniqueFd(::open("/dev/null", O_RDONLY | O_CLOEXEC));
}

Result<tcp::endpoint> parse_endpoint(const ListenerConfig& config) {
  boost::system::error_code error;
  const std::string text = config.address == "localhost" ? "127.0.0.1" : config.address;
  const asio::ip::address address = asio::ip::make_address(text, error);
  if (error) return fail(net::errors::kAddress, "\"" + config.address + "\" is not an IP address");
  return tcp::endpoint(address, config.port);
}

tl::unexpected<Error> bind_failure(const ListenerConfig& config, const boost::system::error_code& error) {
  const std::string port = "port " + std::to_string(config.port) +
                           (config.port_variable.empty() ? std::string() : " (" + config.port_variable + ")");
  if (error == asio::error::address_in_use) return fail(net::errors::kPortInUse, port + " is in use");
  if (error == asio::error::access_denied)
    return fail(net::errors::kPortDenied, port + " may not be used by this user");
  return fail("net.listen", port + " on " + config.address + ": " + error.message());
}

}  // namespace

struct Listener::State : std::enable_shared_from_this<State> {
  State(asio::io_context& context, Handler on_accept)
      : acceptor(context), pause(context), handler(std::move(on_accept)), spare(open_spare()) {}

  Result<void> open(const ListenerConfig& config);
  void wait() noexcept;  // nobody would be let in any more
  void accept_ready();
  bool accept_one();
  bool out_of_descriptors();
  void report();

  tcp::acceptor acceptor;
  asio::steady_timer pause;
  Handler handler;
  // Given up for a moment when there is no descriptor left, so that the waiting peer can be taken and closed
  // instead of being signalled for ever.
  UniqueFd spare;
  std::uint16_t port = 0;
  std::atomic<std::uint64_t> accepted{0};
  std::atomic<std::uint64_t> refused{0};
  std::chrono::steady_clock::time_point reported{};
  bool closed = false;
};

Result<void> Listener::State::open(const ListenerConfig& config) {
  const Result<tcp::endpoint> endpoint = parse_endpoint(config);
  if (!endpoint) return fail(endpoint.error().code, endpoint.error().message);
  boost::system::error_code error;
  acceptor.open(endpoint->protocol(), error);
  if (error) return bind_failure(config, error);
  acceptor.set_option(tcp::acceptor::reuse_address(true), error);
  acceptor.bind(*endpoint, error);
  if (error) return bind_failure(config, error);
  acceptor.listen(config.backlog, error);
  if (error) return bind_failure(config, error);
  acceptor.non_blocking(true, error);
  if (error) return bind_failure(config, error);
  ::fcntl(acceptor.native_handle(), F_SETFD, FD_CLOEXEC);
  port = acceptor.local_endpoint(error).port();
  return {};
}

void Listener::State::wait() noexcept {
  if (closed) return;
  acceptor.async_wait(tcp::acceptor::wait_read,
                      [self = shared_from_this()](const boost::system::error_code& error) {
                        if (error || self->closed) return;
                        if (!survives("listener", [&self] { self->accept_ready(); })) self->wait();
                      });
}

void Listener::State::accept_ready() {
  for (int i = 0; i < kAcceptsPerWakeUp && !closed; ++i) {
    if (accept_one()) continue;
    if (errno == EINTR || errno == ECONNABORTED) continue;
    const bool exhausted = errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM;
    if (!exhausted) break;
    if (out_of_descriptors()) continue;
    pause.expires_after(kPauseWithoutDescriptors);
    pause.async_wait([self = shared_from_this()](const boost::system::error_code& error) {
      if (!error) self->wait();
    });
    return;
  }
  wait();
}

bool Listener::State::accept_one() {
  sockaddr_storage address{};
  socklen_t length = sizeof address;
  UniqueFd socket(::accept4(acceptor.native_handle(), reinterpret_cast<sockaddr*>(&address), &length,
                            SOCK_NONBLOCK | SOCK_CLOEXEC));
  if (!socket) return false;
  const int on = 1;
  (void)::setsockopt(socket.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  Accepted connection;
  connection.socket = std::move(socket);
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (address.ss_family == AF_INET6) {
    const auto& v6 = reinterpret_cast<const sockaddr_in6&>(address);
    connection.peer_port = ntohs(v6.sin6_port);
    (void)::inet_ntop(AF_INET6, &v6.sin6_addr, text.data(), text.size());
  } else {
    const auto& v4 = reinterpret_cast<const sockaddr_in&>(address);
    connection.peer_port = ntohs(v4.sin_port);
    (void)::inet_ntop(AF_INET, &v4.sin_addr, text.data(), text.size());
  }
  connection.peer_address = text.data();
  accepted.fetch_add(1, std::memory_order_relaxed);
  // One who comes does not cost the others the listener.
  (void)survives("listener", [&] { handler(std::move(connection)); });
  return true;
}

// Takes one waiting peer with the spare descriptor and closes it at once. False when even that is not
// possible.
bool Listener::State::out_of_descriptors() {
  report();
  if (!spare) spare = open_spare();
  if (!spare) return false;
  spare.reset();
  UniqueFd victim(::accept4(acceptor.native_handle(), nullptr, nullptr, SOCK_CLOEXEC));
  const bool taken = static_cast<bool>(victim);
  victim.reset();
  spare = open_spare();
  if (taken) refused.fetch_add(1, std::memory_order_relaxed);
  return taken;
}

void Listener::State::report() {
  const auto now = std::chrono::steady_clock::now();
  if (reported != std::chrono::steady_clock::time_point{} && now - reported < kReportInterval) return;
  reported = now;
  log::error("out of file descriptors: connections are refused",
             {{"port", port}, {"refused", refused.load(std::memory_order_relaxed)}});
}

Result<std::unique_ptr<Listener>> Listener::open(asio::io_context& context, const ListenerConfig& config,
                                                 Handler handler) {
  auto state = std::make_shared<State>(context, std::move(handler));
  if (const Result<void> opened = state->open(config); !opened) {
    return tl::unexpected<Error>(opened.error());
  }
  state->wait();
  return std::unique_ptr<Listener>(new Listener(std::move(state)));
}

Listener::Listener(std::shared_ptr<State> state) : state_(std::move(state)) {}

Listener::~Listener() {
  state_->closed = true;
  boost::system::error_code ignored;
  state_->acceptor.close(ignored);
  state_->pause.cancel();
}

std::uint16_t Listener::port() const {
  return state_->port;
}

ListenerStatistics Listener::statistics() const {
  return {state_->accepted.load(std::memory_order_relaxed), state_->refused.load(std::memory_order_relaxed)};
}

}  // namespace millrace::net
