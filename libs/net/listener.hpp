// A listening TCP socket and its accept loop.
//
// Owner: a service or server; runs on one thread of its io_context, where open, close and the handler belong.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "base/result.hpp"
#include "net/unique_fd.hpp"

namespace boost::asio {
class io_context;
}

namespace millrace::net {

struct ListenerConfig {
  std::string address = "0.0.0.0";  // an IP address, or "localhost"
  std::uint16_t port = 0;           // 0: any free one
  std::string port_variable;        // "RTMP_PORT": named when the port is busy
  int backlog = 4096;
};

struct Accepted {
  UniqueFd socket;           // non-blocking, close-on-exec, TCP_NODELAY set
  std::string peer_address;  // without the port
  std::uint16_t peer_port = 0;
};

struct ListenerStatistics {
  std::uint64_t accepted = 0;
  std::uint64_t refused = 0;  // for lack of file descriptors
};

class Listener {
 public:
  // What it throws costs the one who came the connection.
  using Handler = std::function<void(Accepted)>;

  // Binds and listens (SO_REUSEADDR: a restart need not wait for old connections), and begins to accept.
  // Errors: "net.port_in_use" with "port 1935 (RTMP_PORT) is in use", "net.port_denied", "net.address",
  // "net.listen".
  static Result<std::unique_ptr<Listener>> open(boost::asio::io_context& context,
                                                const ListenerConfig& config, Handler handler);
  // Stops accepting; connections that were accepted are not touched. On the io_context's thread, or after it
  // stopped.
  ~Listener();
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  std::uint16_t port() const;             // really bound
  ListenerStatistics statistics() const;  // any thread

 private:
  struct State;
  explicit Listener(std::shared_ptr<State> state);
  std::shared_ptr<State> state_;
};

}  // namespace millrace::net
