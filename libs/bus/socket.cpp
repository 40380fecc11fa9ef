#include "bus/socket.hpp"

#include "bus/fact_store.hpp"

namespace millrace::bus {
namespace {

zmq::socket_type type_of(Socket::Kind kind) {
  switch (kind) {
    case Socket::Kind::kPublisher:
      return zmq::socket_type::pub;
    case Socket::Kind::kSubscriber:
      return zmq::socket_type::sub;
    case Socket::Kind::kRouter:
      return zmq::socket_type::router;
    case Socket::Kind::kDealer:
      return zmq::socket_type::dealer;
  }
  return zmq::socket_type::dealer;
}

// A host that vanished is noticed by TCP itself. No heartbeats of ZMTP: with them libzmq 4.3.4 aborts the
// process ("!_io_error", stream_engine_base.cpp) when a peer hangs up while our input rests at the high-water
// mark; that is what a process meets that was stopped for longer than the heartbeat's patience. Silence is
// noticed by our own Heartbeat events.
constexpr int kKeepaliveIdleSeconds = 5;
constexpr int kKeepaliveIntervalSeconds = 2;
constexpr int kKeepaliveProbes = 3;
constexpr int kUnacknowledgedMs = 10'000;
constexpr int kHandshakeMs = 5000;
constexpr int kReconnectMs = 100;
constexpr const char* kZapDomain = "millrace";
constexpr int kReconnectMaxMs = 500;

// Only answers may be large: they come from a peer we chose, and may hold a snapshot.
std::int64_t max_message(Socket::Kind kind) {
  return kind == Socket::Kind::kDealer ? kMaxSnapshotBytes + kMaxMessageBytes : kMaxMessageBytes;
}

}  // namespace

Socket::Socket(zmq::context_t& context, Kind kind, int high_water)
    : kind_(kind), socket_(context, type_of(kind)) {
  socket_.set(zmq::sockopt::linger, 0);
  socket_.set(zmq::sockopt::ipv6, 1);
  socket_.set(zmq::sockopt::sndhwm, high_water);
  socket_.set(zmq::sockopt::rcvhwm, high_water);
  socket_.set(zmq::sockopt::maxmsgsize, max_message(kind));
  socket_.set(zmq::sockopt::handshake_ivl, kHandshakeMs);
  socket_.set(zmq::sockopt::tcp_keepalive, 1);
  socket_.set(zmq::sockopt::tcp_keepalive_idle, kKeepaliveIdleSeconds);
  socket_.set(zmq::sockopt::tcp_keepalive_intvl, kKeepaliveIntervalSeconds);
  socket_.set(zmq::sockopt::tcp_keepalive_cnt, kKeepaliveProbes);
  socket_.set(zmq::sockopt::tcp_maxrt, kUnacknowledgedMs);
  socket_.set(zmq::sockopt::reconnect_ivl, kReconnectMs);
  socket_.set(zmq::sockopt::reconnect_ivl_max, kReconnectMaxMs);
  if (kind == Kind::kSubscriber) socket_.set(zmq::sockopt::subscribe, "");
  // Requests wait in our own queue, where they have a deadline, and not for a peer that is not there.
  if (kind == Kind::kDealer) socket_.set(zmq::sockopt::immediate, true);
  if (kind == Kind::kRouter) {
    socket_.set(zmq::sockopt::router_handover, true);
    socket_.set(zmq::sockopt::router_mandatory, true);
  }
}

Result<void> Socket::bind(const std::string& address, const KeyPair* keys) {
  try {
    if (keys != nullptr) {
      socket_.set(zmq::sockopt::curve_server, true);
      socket_.set(zmq::sockopt::curve_secretkey, keys->secret_key.reveal());
      socket_.set(zmq::sockopt::zap_domain, kZapDomain);
      has_keys_ = true;
    }
    socket_.bind(address);
    return {};
  } catch (const zmq::error_t& error) {
    return fail("bus.bind", "cannot bind " + address + ": " + error.what());
  }
}

Result<Socket> Socket::connect(zmq::context_t& context, Kind kind, int high_water, const std::string& address,
                               const std::optional<Curve>& curve) {
  try {
    Socket socket(context, kind, high_water);
    if (curve) {
      socket.socket_.set(zmq::sockopt::curve_serverkey, curve->server_key);
      socket.socket_.set(zmq::sockopt::curve_publickey, curve->own.public_key);
      socket.socket_.set(zmq::sockopt::curve_secretkey, curve->own.secret_key.reveal());
    }
    socket.socket_.connect(address);
    return socket;
  } catch (const zmq::error_t& error) {
    return fail("bus.connect", "cannot connect to " + address + ": " + error.what());
  }
}

bool Socket::send(std::string_view body) {
  try {
    return socket_.send(zmq::const_buffer(body.data(), body.size()), zmq::send_flags::dontwait).has_value();
  } catch (const zmq::error_t&) {
    return false;
  }
}

bool Socket::send_to(const std::string& peer, std::string_view body) {
  try {
    const auto more = zmq::send_flags::dontwait | zmq::send_flags::sndmore;
    if (!socket_.send(zmq::const_buffer(peer.data(), peer.size()), more)) return false;
  } catch (const zmq::error_t&) {
    return false;
  }
  return send(body);
}

std::optional<Frame> Socket::receive() {
  try {
    Frame frame;
    if (kind_ == Kind::kRouter) {
      zmq::message_t peer;
      if (!socket_.recv(peer, zmq::recv_flags::dontwait)) return std::nullopt;
      frame.peer = peer.to_string();
      frame.well_formed = peer.more();
      if (!frame.well_formed) return frame;
    }
    if (!socket_.recv(frame.body, zmq::recv_flags::dontwait)) return std::nullopt;
    // Without CURVE every property may be the peer's own word. With it the Gatekeeper's answer comes first.
    if (kind_ == Kind::kRouter && has_keys_) {
      const char* const user = zmq_msg_gets(frame.body.handle(), "User-Id");
      if (user != nullptr) frame.user = user;
    }
    for (bool more = frame.body.more(); more;) {
      frame.well_formed = false;
      zmq::message_t surplus;
      if (!socket_.recv(surplus, zmq::recv_flags::dontwait)) break;
      more = surplus.more();
    }
    return frame;
  } catch (const zmq::error_t&) {
    return std::nullopt;
  }
}

void Socket::set_linger(int milliseconds) {
  socket_.set(zmq::sockopt::linger, milliseconds);
}

}  // namespace millrace::bus
