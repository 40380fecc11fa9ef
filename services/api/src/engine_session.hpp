// A session of Engine.IO 4 with Socket.IO on it: one LiveClient, carried by polls or by a WebSocket.
//
//   kPolling ── WebSocket with its sid: "2probe" → "3probe", "5" ──► kWebSocket
//      │  second poll at once, nonsense, "1", no pong in time            │
//      └──────────────────────────► kClosed ◄───────────────────────────┘
//
// Thread-safe; owned by the hub, and by the WebSocket that carries it. Lock order: session, then client.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "engine_io.hpp"
#include "http/websocket.hpp"
#include "live_client.hpp"
#include "socket_io.hpp"

namespace millrace::api {

// {"code":…,"message":…}, as Engine.IO's clients know them.
http::Response engine_io_error(int code);

class EngineSession : public std::enable_shared_from_this<EngineSession> {
 public:
  // Shorter than an answer may take: it ends a poll.
  static constexpr std::int64_t kPingIntervalUs = 20'000'000;
  static constexpr std::int64_t kPingTimeoutUs = 20'000'000;
  static constexpr std::int64_t kConnectUs = 45'000'000;   // for the CONNECT packet
  static constexpr std::size_t kMaxPayload = 64UL * 1024;  // of a POST and of a message
  static constexpr std::size_t kMaxPoll = 256UL * 1024;  // no further packet is put into an answer beyond it

  // token: of the handshake's Authorization field, may be empty.
  EngineSession(std::shared_ptr<const LiveShared> shared, std::string sid, std::string peer, Secret token);
  // After the construction, once. websocket: it begins as one.
  void begin(bool websocket);

  // The answer comes when there is something to send. waits: whether the client still does.
  void poll(const std::function<void(http::Response)>& respond, std::function<bool()> waits);
  http::Response post(std::string_view body);
  // For the answer to a WebSocket handshake: of a session that begins, or the one to upgrade to.
  std::shared_ptr<http::WebSocket> make_websocket();
  // False when it polls no more.
  bool is_polling() const;
  bool is_closed() const;
  void tick();
  // Tells the client, and what carries it.
  void close();
  void wake();

  const std::string& sid() const { return sid_; }
  const std::string& peer() const { return peer_; }
  LiveClient& client() { return *client_; }

 private:
  class Wire;
  enum class State : std::uint8_t { kPolling, kWebSocket, kClosed };
  using Respond = std::function<void(http::Response)>;

  // What came over a WebSocket.
  void receive(const std::weak_ptr<Wire>& wire, const http::WebSocketMessage& message);
  void probe(Wire& wire, const EngineIoPacket& packet);
  void take(const EngineIoPacket& packet);
  void take_message(std::string_view text);
  void connect(const SocketIoPacket& packet);
  // Answers the poll that waits, if there is something for it.
  void flush();
  std::string collect(bool& ended);

  const std::shared_ptr<const LiveShared> shared_;
  const std::string sid_;
  const std::string peer_;
  const std::shared_ptr<LiveClient> client_;

  mutable std::mutex mutex_;  // guards what follows
  State state_ = State::kPolling;
  Secret token_;
  Respond poll_;
  std::function<bool()> poll_waits_;
  std::weak_ptr<Wire> wire_;     // that carries the session
  std::weak_ptr<Wire> probing_;  // that asks to
  std::int64_t began_us_ = 0;
  std::int64_t pinged_us_ = 0;
  std::int64_t heard_us_ = 0;
  bool has_wire_ = false;  // wire_ was set
  bool connected_ = false;
  bool connecting_ = false;
};

}  // namespace millrace::api
