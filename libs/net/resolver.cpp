#include "net/resolver.hpp"

#include <arpa/inet.h>
#include <netdb.h>

#include <condition_variable>
#include <cstring>
#include <deque>
#include <mutex>
#include <thread>

#include "base/clock.hpp"
#include "base/survive.hpp"

namespace millrace::net {

namespace {

Result<std::vector<SocketAddress>> look_up(const std::string& host, std::uint16_t port) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICSERV;
  addrinfo* list = nullptr;
  const int failed = ::getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &list);
  if (failed != 0) return fail("net.resolve", ::gai_strerror(failed));
  std::vector<SocketAddress> addresses;
  for (const addrinfo* each = list; each != nullptr && addresses.size() < Resolver::kMaxAddresses;
       each = each->ai_next) {
    if (each->ai_addrlen > sizeof(sockaddr_storage)) continue;
    SocketAddress& address = addresses.emplace_back();
    std::memcpy(&address.storage, each->ai_addr, each->ai_addrlen);
    address.length = each->ai_addrlen;
  }
  ::freeaddrinfo(list);
  return addresses;
}

struct Question {
  std::string host;
  std::uint16_t port;
  std::int64_t deadline_us;
  Resolver::Answer answer;
};

}  // namespace

std::optional<SocketAddress> literal_address(const std::string& host, std::uint16_t port) {
  SocketAddress address;
  auto* const v4 = reinterpret_cast<sockaddr_in*>(&address.storage);
  if (::inet_pton(AF_INET, host.c_str(), &v4->sin_addr) == 1) {
    v4->sin_family = AF_INET;
    v4->sin_port = htons(port);
    address.length = sizeof(sockaddr_in);
    return address;
  }
  auto* const v6 = reinterpret_cast<sockaddr_in6*>(&address.storage);
  address.storage = {};
  if (::inet_pton(AF_INET6, host.c_str(), &v6->sin6_addr) != 1) return std::nullopt;
  v6->sin6_family = AF_INET6;
  v6->sin6_port = htons(port);
  address.length = sizeof(sockaddr_in6);
  return address;
}

struct Resolver::State {
  Lookup lookup;
  std::size_t threads = 0;
  std::mutex mutex;
  std::condition_variable changed;
  std::deque<Question> waiting;
  bool started = false;
  bool stopped = false;
};

Resolver::Resolver(std::size_t threads, Lookup lookup) : state_(std::make_shared<State>()) {
  state_->lookup = lookup ? std::move(lookup) : look_up;
  state_->threads = threads;
}

Resolver::~Resolver() {
  const std::lock_guard lock(state_->mutex);
  state_->stopped = true;
  state_->waiting.clear();
  state_->changed.notify_all();
}

void Resolver::resolve(std::string host, std::uint16_t port, std::int64_t deadline_us, Answer answer) {
  std::unique_lock lock(state_->mutex);
  if (state_->waiting.size() >= kMaxWaiting) {
    lock.unlock();
    return answer(fail("net.resolve_busy", "too many names wait to be resolved"));
  }
  state_->waiting.push_back({std::move(host), port, deadline_us, std::move(answer)});
  state_->changed.notify_one();
  if (std::exchange(state_->started, true)) return;
  const auto work = [](const std::shared_ptr<State>& state) {
    std::unique_lock held(state->mutex);
    while (true) {
      state->changed.wait(held, [&] { return state->stopped || !state->waiting.empty(); });
      if (state->stopped) return;
      Question question = std::move(state->waiting.front());
      state->waiting.pop_front();
      held.unlock();
      Result<std::vector<SocketAddress>> found = fail("net.resolve_timeout", "not resolved in time");
      (void)survives("resolver", [&] {
        if (monotonic_us() < question.deadline_us) found = state->lookup(question.host, question.port);
      });
      held.lock();
      // Under the lock: nobody is called once the resolver is gone.
      if (!state->stopped) (void)survives("resolver", [&] { question.answer(std::move(found)); });
    }
  };
  for (std::size_t i = 0; i < state_->threads; ++i) std::thread(work, state_).detach();
}

}  // namespace millrace::net
