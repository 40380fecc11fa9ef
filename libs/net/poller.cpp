#include "net/poller.hpp"

#include <sys/epoll.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <utility>

#include "base/clock.hpp"
#include "base/survive.hpp"
#include "net/gather_policy.hpp"
#include "net/unique_fd.hpp"

namespace millrace::net {

namespace asio = boost::asio;

namespace {

constexpr int kMaxEvents = 512;
constexpr std::int64_t kLookWithoutWatchUs = 10'000;

std::uint32_t event_mask(bool readable, bool writable) {
  return (readable ? static_cast<std::uint32_t>(EPOLLIN) : 0U) |
         (writable ? static_cast<std::uint32_t>(EPOLLOUT) : 0U);
}

}  // namespace

struct Poller::State : std::enable_shared_from_this<State> {
  State(asio::io_context& context, int epoll_fd, Config configuration)
      : fd(epoll_fd),
        watched(context),
        delay(context),
        config(std::move(configuration)),
        policy(config.gather_us) {}

  void modify(int client_fd, PollClient& client, std::uint32_t mask) const {
    epoll_event event{};
    event.events = mask;
    event.data.ptr = &client;
    (void)::epoll_ctl(fd.get(), EPOLL_CTL_MOD, client_fd, &event);
  }
  // Without the next wake-up nobody on this thread would be served any more.
  void wait() noexcept;
  void wait_gathering(std::int64_t pause_us) noexcept;
  void dispatch() noexcept;

  UniqueFd fd;  // the epoll set
  // The same descriptor while Asio watches it. Not while gathering: each packet would wake the thread.
  asio::posix::stream_descriptor watched;
  asio::steady_timer delay;
  Config config;
  GatherPolicy policy;
  std::array<epoll_event, kMaxEvents> events{};
  std::uint64_t bytes = 0;  // read since the last look
  std::atomic<std::uint64_t> wake_ups{0};
  std::atomic<std::uint64_t> ready{0};
  std::atomic<bool> gathering{false};
  bool closed = false;
};

void Poller::State::wait() noexcept {
  boost::system::error_code refused;
  if (!watched.is_open()) watched.assign(fd.get(), refused);
  // The kernel has no memory to watch it with: the timer looks at it until there is some.
  if (refused) return wait_gathering(kLookWithoutWatchUs);
  watched.async_wait(asio::posix::stream_descriptor::wait_read,
                     [self = shared_from_this()](const boost::system::error_code& error) {
                       if (!error && !self->closed) self->dispatch();
                     });
}

void Poller::State::wait_gathering(std::int64_t pause_us) noexcept {
  if (watched.is_open()) (void)watched.release();
  delay.expires_after(std::chrono::microseconds(pause_us));
  delay.async_wait([self = shared_from_this()](const boost::system::error_code& error) {
    if (!error && !self->closed) self->dispatch();
  });
}

void Poller::State::dispatch() noexcept {
  const int event_count = std::max(::epoll_wait(fd.get(), events.data(), kMaxEvents, 0), 0);
  for (int i = 0; i < event_count; ++i) {
    const epoll_event& event = events[static_cast<std::size_t>(i)];
    const bool failed = (event.events & (EPOLLERR | EPOLLHUP)) != 0;
    auto* const client = static_cast<PollClient*>(event.data.ptr);
    const bool survived = survives("poller", [&] {
      client->on_ready(failed || (event.events & (EPOLLIN | EPOLLRDHUP)) != 0,
                       failed || (event.events & EPOLLOUT) != 0);
    });
    if (!survived) (void)survives("poller", [&] { client->on_exception(); });
  }
  wake_ups.fetch_add(1, std::memory_order_relaxed);
  ready.fetch_add(static_cast<std::uint64_t>(event_count), std::memory_order_relaxed);
  if (config.after_dispatch) (void)survives("poller", [this] { config.after_dispatch(); });
  if (closed) return;
  const std::int64_t pause_us =
      policy.after_wake_up(monotonic_us(), static_cast<std::uint32_t>(event_count), std::exchange(bytes, 0));
  gathering.store(policy.gathering(), std::memory_order_relaxed);
  if (pause_us == 0) return wait();
  wait_gathering(pause_us);
}

Result<std::unique_ptr<Poller>> Poller::open(asio::io_context& context, Config config) {
  const int fd = ::epoll_create1(EPOLL_CLOEXEC);
  if (fd < 0) return fail("net.epoll", std::strerror(errno));
  auto state = std::make_shared<State>(context, fd, std::move(config));
  state->wait();
  return std::unique_ptr<Poller>(new Poller(std::move(state)));
}

Poller::Poller(std::shared_ptr<State> state) : state_(std::move(state)) {}

Poller::~Poller() {
  state_->closed = true;
  state_->config.after_dispatch = nullptr;
  if (state_->watched.is_open()) (void)state_->watched.release();
  state_->delay.cancel();
  state_->fd.reset();
}

Result<void> Poller::add(int fd, PollClient& client) {
  epoll_event event{};
  event.events = event_mask(true, false);
  event.data.ptr = &client;
  if (::epoll_ctl(state_->fd.get(), EPOLL_CTL_ADD, fd, &event) != 0) {
    return fail("net.epoll", std::strerror(errno));
  }
  return {};
}

void Poller::watch(int fd, PollClient& client, bool readable, bool writable) {
  state_->modify(fd, client, event_mask(readable, writable));
}

void Poller::watch_end(int fd, PollClient& client, bool writable) {
  state_->modify(fd, client, event_mask(false, writable) | static_cast<std::uint32_t>(EPOLLRDHUP));
}

void Poller::remove(int fd) {
  (void)::epoll_ctl(state_->fd.get(), EPOLL_CTL_DEL, fd, nullptr);
}

void Poller::count_bytes(std::size_t bytes) {
  state_->bytes += bytes;
}

PollerStatistics Poller::statistics() const {
  return {state_->wake_ups.load(std::memory_order_relaxed), state_->ready.load(std::memory_order_relaxed),
          state_->gathering.load(std::memory_order_relaxed)};
}

}  // namespace millrace::net
