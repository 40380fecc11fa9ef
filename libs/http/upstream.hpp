// A few persistent connections to one trusted HTTP server on this machine, and a bounded queue in front of
// them. One request at a time and connection. A request whose deadline passes is answered with an error at
// once, but its connection is not given up: it waits for the late answer, drops it, and goes on, so that the
// server never sees a client leave in mid-request. Any thread may send; callbacks run on the pool's own
// thread (a refusal on the caller's) and must not block.
//
// An answer is the request's own, or an error: every request carries a random id (kUpstreamIdField) that its
// answer has to repeat. A connection is not used again after an answer without it or with another, with bytes
// left behind an answer, when something came while nobody asked, or after any error.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "http/message.hpp"

namespace millrace::http {

inline constexpr const char* kUpstreamIdField = "X-Millrace-Request";

struct UpstreamConfig {
  std::size_t connections = 4;
  std::size_t queue = 1024;  // requests waiting for a connection; more get "http.overloaded" at once
  std::chrono::milliseconds deadline{5'000};  // waiting and answering together
  std::chrono::milliseconds give_up{
      60'000};                               // a connection that has not answered by then is closed after all
  std::chrono::milliseconds reconnect{200};  // pause after a refused connection
  std::size_t answer_bytes = 1024UL * 1024;  // of a body; more is "http.bad_answer"
  // Of a request as it goes over the wire; more is "http.too_large" at once. Has to be less than the server
  // takes.
  std::size_t request_bytes = 112UL * 1024;
};

struct UpstreamRequest {
  std::string method = "GET";
  std::string target;  // origin-form, already encoded
  Fields headers;      // Host, Connection, Content-Length and kUpstreamIdField are added
  std::string body;    // sent with the methods of has_upstream_body() only
  // Asked when a connection is free for it: false (its client has left) drops the request, with
  // "http.unwanted". May be empty.
  std::function<bool()> wanted;
};

// POST, PUT and PATCH. What a server makes of other methods' bodies differs.
bool has_upstream_body(std::string_view method);

struct UpstreamStatistics {
  std::uint64_t requests = 0;
  std::uint64_t overloaded = 0;
  std::uint64_t answers = 0;    // of the server, to their requests; also those that came too late
  std::uint64_t unsent = 0;     // answered with an error: no connection was there or free by the deadline
  std::uint64_t deadlines = 0;  // sent, and answered with an error; the late answer was dropped
  std::uint64_t failures = 0;   // connections that broke in mid-request
  std::uint64_t abandoned = 0;  // connections closed after give_up
  std::uint64_t connects = 0;
  std::uint64_t strays = 0;  // answers that were not their request's, and bytes that nobody asked for
};

class Upstream {
 public:
  // Errors: "http.overloaded", "http.unsent" (the deadline passed before a connection was there and free; the
  // server knows nothing of it), "http.deadline" (it was sent), "http.unavailable" (no server, or it left in
  // mid-answer; a GET that got no byte of an answer is tried once more first), "http.bad_answer" (also one of
  // another request), "http.too_large", "http.stopped".
  using Callback = std::function<void(Result<Response>)>;

  explicit Upstream(UpstreamConfig config);
  ~Upstream();  // stop()
  Upstream(const Upstream&) = delete;
  Upstream& operator=(const Upstream&) = delete;

  // Where the server is, on 127.0.0.1; 0: nowhere for now (requests wait until their deadline). Idle
  // connections to another port are closed. Of several ports in quick succession the last counts.
  void connect_to(std::uint16_t port) noexcept;
  // The callback is called exactly once; not at all when this throws (std::bad_alloc).
  void send(UpstreamRequest request, Callback callback);
  // Waiting requests get "http.stopped". Blocks until the thread has ended.
  void stop() noexcept;
  UpstreamStatistics statistics() const;
  // The same, usable after the pool has gone.
  std::function<UpstreamStatistics()> statistics_source() const;

  class Pool;

 private:
  std::shared_ptr<Pool> pool_;
};

}  // namespace millrace::http
