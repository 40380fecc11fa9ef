// Readiness of many sockets on one I/O thread, for connections that read and write by themselves: one system
// call reports all ready sockets, nothing is re-armed per socket, and looks are spaced by the GatherPolicy
// under load.
//
// Owner: one I/O thread; everything is called there. A client must outlive the dispatch it is removed in:
// defer its destruction with a post to the io_context.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>

#include "base/result.hpp"

namespace boost::asio {
class io_context;
}

namespace millrace::net {

class PollClient {
 public:
  // readable: bytes, the end or an error wait to be read. writable: only while watched for.
  virtual void on_ready(bool readable, bool writable) = 0;
  // on_ready threw (it was counted and logged): gives up whatever this is.
  virtual void on_exception() = 0;

 protected:
  ~PollClient() = default;
};

struct PollerStatistics {
  std::uint64_t wake_ups = 0;
  std::uint64_t events = 0;
  bool gathering = false;
};

class Poller {
 public:
  struct Config {
    std::int64_t gather_us = 10'000;
    // After all clients of a wake-up were called: the place for work that is done once for all of them. What
    // it throws is survived.
    std::function<void()> after_dispatch;
  };
  // "net.epoll": no descriptor left for it.
  static Result<std::unique_ptr<Poller>> open(boost::asio::io_context& context, Config config);
  ~Poller();
  Poller(const Poller&) = delete;
  Poller& operator=(const Poller&) = delete;

  // Watches a non-blocking socket for reading (and writing).
  Result<void> add(int fd, PollClient& client);
  void watch(int fd, PollClient& client, bool readable, bool writable);
  // For the peer's end or an error alone, which counts as readable: bytes that wait are left where they are.
  // It is reported again and again until something is done about it.
  void watch_end(int fd, PollClient& client, bool writable);
  void remove(int fd);
  // A client has read so many: what GatherPolicy goes by.
  void count_bytes(std::size_t bytes);

  PollerStatistics statistics() const;

 private:
  struct State;
  explicit Poller(std::shared_ptr<State> state);
  std::shared_ptr<State> state_;
};

}  // namespace millrace::net
