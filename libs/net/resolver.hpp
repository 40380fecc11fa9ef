// Names to addresses off the I/O threads: getaddrinfo blocks, so a few threads of its own do it. Literal
// addresses are answered by the caller (literal_address), they need no thread.
//
// Owner: a service; any thread asks. The waiting list is bounded and every question has a deadline: who
// waited too long is answered "net.resolve_timeout" as soon as a thread takes the question up. A thread that
// the system's resolver holds can't be stopped: at destruction it is left alone and its answer thrown away.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"

namespace millrace::net {

struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t length = 0;
  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
  int family() const { return storage.ss_family; }
};

// "192.0.2.7", "2001:db8::1"; nullopt for anything else.
std::optional<SocketAddress> literal_address(const std::string& host, std::uint16_t port);

class Resolver {
 public:
  static constexpr std::size_t kMaxWaiting = 256;
  static constexpr std::size_t kMaxAddresses = 8;

  using Answer = std::function<void(Result<std::vector<SocketAddress>>)>;
  // getaddrinfo, or what tests put in its place; blocks.
  using Lookup =
      std::function<Result<std::vector<SocketAddress>>(const std::string& host, std::uint16_t port)>;

  explicit Resolver(std::size_t threads = 2, Lookup lookup = nullptr);
  ~Resolver();
  Resolver(const Resolver&) = delete;
  Resolver& operator=(const Resolver&) = delete;

  // Answers exactly once, on one of its threads, unless the resolver is destroyed before; errors:
  // "net.resolve" (no such name), "net.resolve_timeout". "net.resolve_busy": at the bound, on this thread.
  // Threads are started with the first question.
  void resolve(std::string host, std::uint16_t port, std::int64_t deadline_us, Answer answer);

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace millrace::net
