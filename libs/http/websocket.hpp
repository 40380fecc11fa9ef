// WebSocket on the server's side (RFC 6455): the opening handshake, and a stream that speaks frames. Messages
// are queued by anyone, or come from another LiveStream, whose bytes are sent as binary messages from where
// they lie.
//
//   responder(http::accept_websocket(request, socket));    // 101, or 400 and 426 when it asks wrongly
//   socket->send_text(R"({"type":"metricsUpdate"})");      // any thread, also before it is open
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "http/live.hpp"
#include "http/message.hpp"
#include "http/websocket_frame.hpp"

namespace millrace::http {

struct WebSocketLimits {
  std::size_t message_bytes = 64U << 10;             // of the client's; longer ones: 1009
  std::size_t outbox_bytes = 256U << 10;             // waiting to be sent; beyond: 1013
  std::size_t received_bytes_per_minute = 1U << 20;  // of the client; beyond: 1008
  std::int64_t ping_us = 30'000'000;  // a client that answers none for three times as long is gone
};

// Text messages one at a time, each asked for when the client has taken the one before: what a slow client
// missed can be left out, and one text can be shared by thousands of clients.
class WebSocketSource {
 public:
  virtual ~WebSocketSource() = default;
  // On the connection's thread. Null: nothing for now, notify() says when there is more. With close set as
  // well: that was all, and the client gets a close frame.
  virtual std::shared_ptr<const std::string> next(std::optional<WebSocketClose>& close) = 0;
};

class WebSocket final : public LiveStream {
 public:
  // On the connection's thread.
  using Received = std::function<void(WebSocketMessage)>;

  explicit WebSocket(Received received, const WebSocketLimits& limits = {});
  // Sends what media gives as binary messages; what the client says is not listened to.
  explicit WebSocket(std::unique_ptr<LiveStream> media, const WebSocketLimits& limits = {});

  // Sends what source gives, besides what is queued.
  WebSocket(Received received, std::shared_ptr<WebSocketSource> source, const WebSocketLimits& limits = {});

  // Any thread: the source has something.
  void notify() { wake(); }
  // Any thread. False when the client has not taken what was queued before: it is closed then.
  bool send_text(std::string_view text) { return send(WebSocketOpcode::kText, as_bytes(text)); }
  bool send_binary(ByteView bytes) { return send(WebSocketOpcode::kBinary, bytes); }
  // Any thread.
  void close(WebSocketClose code);
  // False once either side has said goodbye or the connection is lost.
  bool is_open() const { return open_.load(std::memory_order_relaxed); }

  Progress pump(LiveOutput& output, std::int64_t now_us) override;
  void receive(ByteView bytes, std::int64_t now_us) override;
  void drain() override;
  bool is_polled() const override { return media_ != nullptr && media_->is_polled(); }
  void attach(const std::function<void()>& wake) override;
  ~WebSocket() override;

 private:
  class Framer;

  bool send(WebSocketOpcode opcode, ByteView payload);
  void take(WebSocketEvent& event);
  void say_goodbye(WebSocketClose code);
  void keep_alive(std::int64_t now_us);
  Progress pump_outbox(LiveOutput& output);
  Progress pump_source(LiveOutput& output);
  Progress send_pulled(LiveOutput& output);
  void wake();

  const WebSocketLimits limits_;
  Received received_;
  std::unique_ptr<LiveStream> media_;
  std::unique_ptr<Framer> framer_;  // of media
  std::shared_ptr<WebSocketSource> source_;
  std::shared_ptr<const std::string> pulled_;  // of source; the message that is being sent
  std::size_t pulled_sent_ = 0;                // header and text
  WebSocketReader reader_;
  std::vector<WebSocketEvent> events_;
  std::int64_t minute_began_us_ = 0;
  std::size_t received_bytes_ = 0;
  std::int64_t heard_us_ = 0;
  std::int64_t pinged_us_ = 0;
  bool media_ended_ = false;
  std::atomic<bool> open_{true};

  std::mutex mutex_;  // guards what follows
  Bytes outbox_;      // whole frames
  std::size_t sent_ = 0;
  bool goodbye_ = false;  // the outbox ends with a close frame
  std::function<void()> wake_;
};

// Whether the client asks for WebSocket at all.
bool asks_for_websocket(const Request& request);
// The answer to it. Errors as problem documents: 400 "http.websocket", 426 with the version that is spoken.
Response accept_websocket(const Request& request, std::shared_ptr<WebSocket> socket);
// Sec-WebSocket-Accept for a Sec-WebSocket-Key (4.2.2).
std::string websocket_accept(std::string_view key);

}  // namespace millrace::http
