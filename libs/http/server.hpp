// An HTTP/1.1 server for untrusted clients: TCP, limits, deadlines, keep-alive, pipelining in order, ranges.
// Beast and Asio stay in the .cpp files. Each connection lives on one of the server's threads.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "http/message.hpp"
#include "http/trusted_proxies.hpp"

namespace millrace::http {

// What one client may take. A connection that exceeds a deadline or a size is answered (408, 413, 414, 431)
// where the protocol allows it, then closed; every case is counted in Statistics.
struct Limits {
  std::size_t header_bytes = 16UL * 1024;  // request line and header together
  std::size_t body_bytes = 64UL * 1024;
  std::size_t connections = 4096;  // more are closed at accept
  // Of an IPv4 address or IPv6 /64; 0: no such limit. A trusted proxy's are not counted, but those that
  // became one client's for good (WebSocket, streams without an end): for the client, which gets 503.
  std::size_t connections_per_address = 512;
  std::chrono::milliseconds header_deadline{
      10'000};  // first byte (be it of an empty line) to the last of the header
  std::chrono::milliseconds body_deadline{20'000};    // last header byte to last body byte
  std::chrono::milliseconds idle_deadline{60'000};    // between requests, and from accept to the first byte
  std::chrono::milliseconds answer_deadline{30'000};  // the handler's time: then 503 and close
  std::chrono::milliseconds write_deadline{
      30'000};  // for each piece of at most 256 KiB to be taken by the client
};

struct ServerConfig {
  std::string name = "http";           // in logs and metrics
  std::string address = "127.0.0.1";   // numeric IPv4 or IPv6
  std::uint16_t port = 0;              // 0: any free port
  std::string port_variable = "PORT";  // named when the port is in use
  unsigned threads = 1;
  Limits limits;
  TrustedProxies proxies{};  // who is believed about Request::peer_address
};

// Counters since the start and gauges; all monotonic but `connections` and `pending`.
struct Statistics {
  std::uint64_t accepted = 0;
  std::uint64_t connections = 0;  // open now
  std::uint64_t pending = 0;      // requests that wait for their handler's answer now
  std::uint64_t requests = 0;     // that reached a handler
  std::uint64_t responses_2xx = 0, responses_3xx = 0, responses_4xx = 0, responses_5xx = 0;
  std::uint64_t sent_bytes = 0;           // header and body
  std::uint64_t refused_connections = 0;  // over a connection limit
  std::uint64_t out_of_descriptors = 0;   // accept met EMFILE or ENFILE
  std::uint64_t bad_requests = 0;         // refused before a handler saw them
  std::uint64_t read_timeouts = 0, write_timeouts = 0, answer_timeouts = 0;
  std::uint64_t aborted = 0;  // the client left before its answer was complete
  std::uint64_t torn = 0;     // intact() turned false
};

// Answers one request, once, from any thread, now or later; later calls do nothing. Copies share the one
// answer. When the last copy goes without an answer the client gets 500. Safe to use after the client or the
// server has gone.
class Responder {
 public:
  class State;
  explicit Responder(std::shared_ptr<State> state) : state_(std::move(state)) {}
  void operator()(Response response) const;
  // False when the client is known to have gone: its answer is not worth the work.
  bool connected() const;
  // Limits::answer_deadline counts from then on (monotonic), not from the request.
  void allow_until(std::int64_t time_us) const;

  struct Answer;
  // Many answers with one task for each thread of the server, which lets others have their turn in between.
  static void answer_all(std::vector<Answer> answers);

 private:
  std::shared_ptr<State> state_;
};

struct Responder::Answer {
  Responder to;
  std::shared_ptr<const Response> response;  // may be that of many
};

// Runs on a thread of the server: must not block. The request is the handler's to keep.
using Handler = std::function<void(Request&&, Responder)>;

class Server {
 public:
  // Errors: "net.port_in_use" ("port 8000 (HLS_PORT) is in use"), "net.address" and others of
  // net/listener.hpp.
  static Result<std::unique_ptr<Server>> start(ServerConfig config, Handler handler);
  // Only listens: until serve() those who come wait in the kernel's queue, as if the network were slow, where
  // they would be refused otherwise. For a service that takes a moment to know what to answer.
  static Result<std::unique_ptr<Server>> listen(ServerConfig config);
  void serve(Handler handler);  // once
  ~Server();                    // stop()
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  std::uint16_t port() const;
  Statistics statistics() const;
  // The same, usable after the server has gone.
  std::function<Statistics()> statistics_source() const;
  // Closes idle connections, lets running requests finish (Connection: close) up to the grace time, then
  // closes the rest. Who comes meanwhile gets 503 with Retry-After instead of a refused connection. Blocks;
  // not from a handler. The handler is not called any more afterwards.
  void drain(std::chrono::milliseconds grace);
  void stop() { drain(std::chrono::milliseconds(0)); }

  class Core;

 private:
  explicit Server(std::shared_ptr<Core> core);
  std::shared_ptr<Core> core_;
};

}  // namespace millrace::http
