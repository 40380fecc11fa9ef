#include "bus/command_sockets.hpp"

#include "bus/frames.hpp"

namespace millrace::bus {
namespace {

// Before what ZeroMQ calls a peer: each socket has names of its own.
constexpr char kIpc = 'i';
constexpr char kTcp = 't';

void read_from(Socket& socket, char mark, Way way, const CommandSockets::Handler& handler) {
  for (int i = 0; i < kBurst; ++i) {
    std::optional<Frame> frame = socket.receive();
    if (!frame) return;
    frame->peer.insert(frame->peer.begin(), mark);
    handler(way, *frame);
  }
}

}  // namespace

CommandSockets::CommandSockets(zmq::context_t& context, int high_water, const KeyPair* keys)
    : context_(context),
      high_water_(high_water),
      keys_(keys),
      ipc_(context, Socket::Kind::kRouter, high_water) {}

Result<void> CommandSockets::bind(const Address& address) {
  const std::string at = endpoints_of(address).commands;
  if (address.kind != Address::Kind::kTcp) return ipc_.bind(at);
  if (!tcp_) tcp_.emplace(context_, Socket::Kind::kRouter, high_water_);
  return tcp_->bind(at, keys_);
}

void CommandSockets::add_to(std::vector<zmq::pollitem_t>& items) {
  items.push_back({ipc_.handle(), 0, ZMQ_POLLIN, 0});
  if (tcp_) items.push_back({tcp_->handle(), 0, ZMQ_POLLIN, 0});
}

void CommandSockets::read(const Handler& handler) {
  read_from(ipc_, kIpc, Way::kDirectory, handler);
  if (tcp_) read_from(*tcp_, kTcp, keys_ != nullptr ? Way::kKey : Way::kPlainTcp, handler);
}

bool CommandSockets::send_to(const std::string& peer, std::string_view body) {
  return !peer.empty() && of(peer).send_to(peer.substr(1), body);
}

Socket& CommandSockets::of(const std::string& peer) {
  return tcp_ && peer.front() == kTcp ? *tcp_ : ipc_;
}

void CommandSockets::set_linger(int milliseconds) {
  ipc_.set_linger(milliseconds);
  if (tcp_) tcp_->set_linger(milliseconds);
}

}  // namespace millrace::bus
