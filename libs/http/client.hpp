// Calls other HTTP servers (callbacks, hooks), over libcurl: persistent connections, one thread for all, TLS
// verified. Redirects are not followed, no proxy of the environment is used, only http and https are spoken.
// A server that is slow, endless or gone costs its own calls their deadline and nobody else anything, as long
// as there are places.
//
// Any thread may call. done runs exactly once, on the client's thread, and must not block; what it throws is
// survived. A call that is refused at once is an error of call(), and its done never runs: nobody is called
// back on the thread that calls.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>

#include "base/result.hpp"
#include "http/call.hpp"

namespace millrace::http {

struct ClientLimits {
  std::size_t in_flight = 128;           // calls that have a connection; further ones wait
  std::size_t waiting = 512;             // further ones are refused: http.overloaded
  std::size_t answer_bytes = 64U << 10;  // of a body; beyond: http.answer_too_large
  std::size_t header_bytes = 16U << 10;  // of all header lines together; the same
  long idle_connections = 16;            // kept for the next call
};

class Client {
 public:
  // Errors: http.deadline; http.unreachable (name, connection, TLS, broken answer; what happened in words,
  // without the URL); http.answer_too_large; http.egress (every address of the name is not allowed);
  // http.stopped.
  using Done = std::function<void(Result<CallAnswer>)>;

  explicit Client(ClientLimits limits = {});
  ~Client();  // stops
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  // Errors: http.overloaded; http.egress (the URL is not allowed); http.stopped.
  Result<void> call(Call call, Done done);
  // Ends outstanding calls; further ones get http.stopped. Not from done.
  void stop();

 private:
  class Core;
  std::unique_ptr<Core> core_;
};

}  // namespace millrace::http
