// Where our own instance is asked: a socket for ipc and one for tcp. What a request says of its sender is
// believed by the socket that it came to, as the properties of a message may be the peer's own words. Bus
// thread only.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>
#include <zmq.hpp>

#include "bus/address.hpp"
#include "bus/keys.hpp"
#include "bus/rights.hpp"
#include "bus/socket.hpp"

namespace millrace::bus {

class CommandSockets {
 public:
  // keys: null where tcp is plain. Both outlive it.
  CommandSockets(zmq::context_t& context, int high_water, const KeyPair* keys);

  // Not for Address::Kind::kDirectory.
  Result<void> bind(const Address& address);
  void add_to(std::vector<zmq::pollitem_t>& items);
  // What arrived, up to a bound for each socket.
  using Handler = std::function<void(Way way, const Frame& frame)>;
  void read(const Handler& handler);
  // peer: as a Frame has it.
  bool send_to(const std::string& peer, std::string_view body);
  void set_linger(int milliseconds);

 private:
  Socket& of(const std::string& peer);

  zmq::context_t& context_;
  const int high_water_;
  const KeyPair* keys_;
  Socket ipc_;
  std::optional<Socket> tcp_;
};

}  // namespace millrace::bus
