// One ZeroMQ socket with our bounds, without exceptions, used by the bus thread only.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <zmq.hpp>

#include "base/result.hpp"

namespace millrace::bus {

struct Frame {
  bool well_formed = true;  // false: not the number of parts that our messages have
  std::string peer;         // ROUTER only
  zmq::message_t body;
};

class Socket {
 public:
  enum class Kind : std::uint8_t { kPublisher, kSubscriber, kRouter, kDealer };

  static Result<Socket> bind(zmq::context_t& context, Kind kind, int high_water, const std::string& address);
  static Result<Socket> connect(zmq::context_t& context, Kind kind, int high_water,
                                const std::string& address);

  // Never waits. False: at the high-water mark, no peer, or the peer is gone.
  bool send(std::string_view body);
  bool send_to(const std::string& peer, std::string_view body);
  // nullopt: nothing there.
  std::optional<Frame> receive();
  // Time that close() gives to what is queued.
  void set_linger(int milliseconds);
  void* handle() { return socket_.handle(); }

 private:
  Socket(zmq::context_t& context, Kind kind, int high_water);

  Kind kind_;
  zmq::socket_t socket_;
};

}  // namespace millrace::bus
