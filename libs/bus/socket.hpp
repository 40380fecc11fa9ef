// One ZeroMQ socket with our bounds, without exceptions, used by the bus thread only.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <zmq.hpp>

#include "base/result.hpp"
#include "bus/keys.hpp"

namespace millrace::bus {

struct Frame {
  bool well_formed = true;  // false: not the number of parts that our messages have
  std::string peer;         // ROUTER only
  std::string user{};       // ROUTER with keys only: whose key the sender proved to have
  zmq::message_t body;
};

class Socket {
 public:
  enum class Kind : std::uint8_t { kPublisher, kSubscriber, kRouter, kDealer };

  Socket(zmq::context_t& context, Kind kind, int high_water);
  // Also to several addresses. keys: only those whom the Gatekeeper lets in, and encrypted; plain addresses
  // come before those with keys, and a ROUTER has the one kind or the other.
  Result<void> bind(const std::string& address, const KeyPair* keys = nullptr);
  // curve: only to the one that has the secret half of server_key, and encrypted.
  struct Curve {
    const KeyPair& own;
    std::string server_key;
  };
  static Result<Socket> connect(zmq::context_t& context, Kind kind, int high_water,
                                const std::string& address, const std::optional<Curve>& curve = std::nullopt);

  // Never waits. False: at the high-water mark, no peer, or the peer is gone.
  bool send(std::string_view body);
  bool send_to(const std::string& peer, std::string_view body);
  // nullopt: nothing there.
  std::optional<Frame> receive();
  // Time that close() gives to what is queued.
  void set_linger(int milliseconds);
  void* handle() { return socket_.handle(); }

 private:
  Kind kind_;
  bool has_keys_ = false;
  zmq::socket_t socket_;
};

}  // namespace millrace::bus
