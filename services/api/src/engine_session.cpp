#include "engine_session.hpp"

#include <array>

namespace millrace::api {
namespace {

constexpr std::array<std::string_view, 6> kErrors = {
    "Transport unknown", "Session ID unknown", "Bad handshake method",
    "Bad request",       "Forbidden",          "Unsupported protocol version"};

http::WebSocketLimits websocket_limits() {
  http::WebSocketLimits limits;
  limits.message_bytes = EngineSession::kMaxPayload;
  return limits;
}

http::Response text_response(std::string body) {
  http::Response response = http::Response::text(200, "text/plain; charset=UTF-8", std::move(body));
  response.headers.add("Cache-Control", "no-store");
  response.ranges = false;
  return response;
}

}  // namespace

http::Response engine_io_error(int code) {
  const auto index = static_cast<std::size_t>(code);
  http::Response response = http::Response::text(
      code == 4 ? 403 : 400, "application/json",
      R"({"code":)" + std::to_string(code) + R"(,"message":")" + std::string(kErrors.at(index)) + R"("})");
  response.headers.add("Cache-Control", "no-store");
  return response;
}

// One WebSocket of the session. It gives the client's texts only while it carries the session.
class EngineSession::Wire final : public http::WebSocketSource {
 public:
  explicit Wire(std::shared_ptr<EngineSession> session) : session_(std::move(session)) {}
  LiveText next(std::optional<http::WebSocketClose>& close) override {
    {
      const std::lock_guard lock(session_->mutex_);
      if (session_->wire_.lock().get() != this) return nullptr;
    }
    return session_->client_->next(close);
  }
  // Set once, before the socket is used.
  std::weak_ptr<http::WebSocket> socket;

 private:
  const std::shared_ptr<EngineSession> session_;
};

EngineSession::EngineSession(std::shared_ptr<const LiveShared> shared, std::string sid, std::string peer,
                             Secret token)
    : shared_(std::move(shared)),
      sid_(std::move(sid)),
      peer_(std::move(peer)),
      client_(std::make_shared<LiveClient>(shared_, LiveProtocol::kSocketIo)),
      token_(std::move(token)) {}

void EngineSession::begin(bool websocket) {
  client_->on_wake([weak = weak_from_this()] {
    if (const auto self = weak.lock()) self->wake();
  });
  {
    const std::lock_guard lock(mutex_);
    began_us_ = pinged_us_ = heard_us_ = shared_->monotonic_us();
    if (websocket) state_ = State::kWebSocket;
  }
  client_->push(open_packet({sid_, !websocket, kPingIntervalUs / 1000, kPingTimeoutUs / 1000, kMaxPayload}));
}

bool EngineSession::is_polling() const {
  const std::lock_guard lock(mutex_);
  return state_ == State::kPolling;
}

bool EngineSession::is_closed() const {
  const std::lock_guard lock(mutex_);
  return state_ == State::kClosed;
}

std::shared_ptr<http::WebSocket> EngineSession::make_websocket() {
  const auto wire = std::make_shared<Wire>(shared_from_this());
  const std::weak_ptr<Wire> weak = wire;
  auto socket = std::make_shared<http::WebSocket>(
      [self = shared_from_this(), weak](const http::WebSocketMessage& message) {
        self->receive(weak, message);
      },
      wire, websocket_limits());
  wire->socket = socket;
  const std::lock_guard lock(mutex_);
  // Any other that comes is nobody's: its first message ends it.
  if (state_ == State::kPolling) probing_ = wire;
  if (state_ == State::kWebSocket && !std::exchange(has_wire_, true)) wire_ = wire;
  return socket;
}

void EngineSession::receive(const std::weak_ptr<Wire>& weak, const http::WebSocketMessage& message) {
  const auto wire = weak.lock();
  if (!wire) return;
  const auto packet = message.text ? parse_engine_io_packet(as_text(message.body)) : std::nullopt;
  bool carries = false;
  {
    const std::lock_guard lock(mutex_);
    carries = wire_.lock() == wire;
  }
  if (!carries) {
    if (packet) return probe(*wire, *packet);
    if (const auto socket = wire->socket.lock()) socket->close(http::WebSocketClose::kProtocolError);
    return;
  }
  if (!packet) return close();
  take(*packet);
}

// "2probe", then "5": the poll that waits is let go, so that the client stops polling.
void EngineSession::probe(Wire& wire, const EngineIoPacket& packet) {
  const auto socket = wire.socket.lock();
  if (!socket) return;
  bool ours = false;
  {
    const std::lock_guard lock(mutex_);
    ours = state_ == State::kPolling && probing_.lock().get() == &wire;
    if (ours && packet.type == EngineIoType::kUpgrade) {
      state_ = State::kWebSocket;
      wire_ = std::exchange(probing_, {});
      has_wire_ = true;
      heard_us_ = shared_->monotonic_us();
    }
  }
  const bool is_probe = packet.type == EngineIoType::kPing && packet.data == "probe";
  if (!ours || (!is_probe && packet.type != EngineIoType::kUpgrade))
    return socket->close(http::WebSocketClose::kProtocolError);
  if (is_probe) socket->send_text("3probe");
  flush();
  wake();
}

void EngineSession::poll(const Respond& respond, std::function<bool()> waits) {
  bool overlaps = false;
  {
    const std::lock_guard lock(mutex_);
    overlaps = poll_ != nullptr && poll_waits_();
    if (!overlaps) {
      poll_ = respond;
      poll_waits_ = std::move(waits);
    }
  }
  if (overlaps) {
    respond(engine_io_error(3));
    return close();
  }
  flush();
}

std::string EngineSession::collect(bool& ended) {
  std::string body;
  std::optional<http::WebSocketClose> goodbye;
  for (std::size_t count = 0; count < kMaxEngineIoPackets && body.size() < kMaxPoll; ++count) {
    const LiveText text = client_->next(goodbye);
    if (!text) break;
    if (!body.empty()) body.push_back(kEngineIoSeparator);
    body.append(*text);
  }
  ended = goodbye.has_value();
  if (ended)
    body.append(body.empty() ? "1"
                             : "\x1e"
                               "1");
  return body;
}

void EngineSession::flush() {
  Respond respond;
  std::string body;
  {
    const std::lock_guard lock(mutex_);
    if (!poll_) return;
    bool ended = false;
    if (state_ != State::kWebSocket) {
      body = collect(ended);
      if (ended) state_ = State::kClosed;
    }
    const bool upgrading = state_ == State::kWebSocket || !probing_.expired();
    if (body.empty() && upgrading) body = "6";
    if (body.empty()) return;
    respond = std::exchange(poll_, nullptr);
  }
  respond(text_response(std::move(body)));
}

http::Response EngineSession::post(std::string_view body) {
  const auto packets = parse_engine_io_payload(body);
  if (!packets) {
    close();
    return engine_io_error(3);
  }
  for (const EngineIoPacket& packet : *packets) take(packet);
  return text_response("ok");
}

void EngineSession::take(const EngineIoPacket& packet) {
  {
    const std::lock_guard lock(mutex_);
    if (state_ == State::kClosed) return;
    heard_us_ = shared_->monotonic_us();
  }
  switch (packet.type) {
    case EngineIoType::kMessage:
      return take_message(packet.data);
    case EngineIoType::kClose:
      return close();
    case EngineIoType::kPong:
    case EngineIoType::kNoop:
    case EngineIoType::kUpgrade:
      return;
    case EngineIoType::kOpen:
    case EngineIoType::kPing:
      return close();
  }
}

void EngineSession::take_message(std::string_view text) {
  const auto packet = parse_socket_io_packet(text);
  if (!packet) return close();
  if (packet->type == SocketIoType::kConnect) return connect(*packet);
  bool connected = false;
  {
    const std::lock_guard lock(mutex_);
    connected = connected_;
  }
  if (packet->type == SocketIoType::kDisconnect || !connected || packet->name_space != "/") return close();
  if (packet->type != SocketIoType::kEvent) return;
  const nlohmann::json& payload = packet->payload;
  client_->handle(payload[0].get<std::string>(), payload.size() > 1 ? payload[1] : nlohmann::json(),
                  packet->ack);
}

void EngineSession::connect(const SocketIoPacket& packet) {
  if (packet.name_space != "/")
    return client_->push(socket_io_connect_error(packet.name_space, "Invalid namespace"));
  Secret token;
  {
    const std::lock_guard lock(mutex_);
    if (connected_ || std::exchange(connecting_, true)) return;
    token = token_;
  }
  if (packet.payload.is_object()) {
    const auto given = packet.payload.find("token");
    if (given != packet.payload.end() && given->is_string()) token = Secret(given->get<std::string>());
  }
  const auto finish = [self = shared_from_this()](const LiveOutcome& outcome) {
    {
      const std::lock_guard lock(self->mutex_);
      self->connecting_ = false;
      self->connected_ = static_cast<bool>(outcome);
    }
    if (!outcome) return self->client_->push(socket_io_connect_error("/", outcome.code));
    self->client_->push(socket_io_connect(random_hex(16)));
    self->client_->join();
  };
  if (token.empty()) return finish({});
  client_->authenticate(std::move(token), finish);
}

void EngineSession::wake() {
  std::shared_ptr<Wire> wire;
  {
    const std::lock_guard lock(mutex_);
    wire = wire_.lock();
  }
  if (!wire) return flush();
  if (const auto socket = wire->socket.lock()) socket->notify();
}

void EngineSession::close() {
  std::shared_ptr<Wire> wire;
  std::shared_ptr<Wire> probing;
  Respond respond;
  {
    const std::lock_guard lock(mutex_);
    if (state_ == State::kClosed) return;
    state_ = State::kClosed;
    wire = wire_.lock();
    probing = probing_.lock();
    respond = std::exchange(poll_, nullptr);
  }
  if (respond) respond(text_response("1"));
  for (const auto& each : {wire, probing}) {
    const auto socket = each ? each->socket.lock() : nullptr;
    if (socket) socket->close(http::WebSocketClose::kNormal);
  }
}

void EngineSession::tick() {
  const std::int64_t now_us = shared_->monotonic_us();
  bool gone = false;
  bool ping = false;
  {
    const std::lock_guard lock(mutex_);
    if (state_ == State::kClosed) return;
    gone = (state_ == State::kWebSocket && has_wire_ && wire_.expired()) ||
           now_us - heard_us_ > kPingIntervalUs + kPingTimeoutUs ||
           (!connected_ && now_us - began_us_ > kConnectUs);
    ping = now_us - pinged_us_ >= kPingIntervalUs;
    if (ping) pinged_us_ = now_us;
  }
  if (gone) return close();
  if (ping) client_->push("2");
  client_->tick();
}

}  // namespace millrace::api
