#include "bus/gatekeeper.hpp"

#include <zmq.h>

#include <array>
#include <vector>

#include "bus/counted_warning.hpp"
#include "bus/frames.hpp"

namespace millrace::bus {
namespace {

constexpr const char* kAddress = "inproc://zeromq.zap.01";
// After the sender and the delimiter: version, request id, domain, address, identity, mechanism, the
// client's key.
constexpr std::size_t kRequestId = 1;
constexpr std::size_t kAddressOfPeer = 3;
constexpr std::size_t kMechanism = 5;
constexpr std::size_t kKey = 6;
constexpr std::size_t kParts = 7;

std::optional<std::string> owner_of(const Keys& keys, const std::vector<std::string>& parts) {
  if (parts.size() != kParts || parts[0] != "1.0" || parts[kMechanism] != "CURVE" || parts[kKey].size() != 32)
    return std::nullopt;
  std::array<char, kKeyText + 1> text{};
  if (zmq_z85_encode(text.data(), reinterpret_cast<const std::uint8_t*>(parts[kKey].data()), 32) == nullptr)
    return std::nullopt;
  return keys.owner(text.data());
}

}  // namespace

Gatekeeper::Gatekeeper(zmq::context_t& context, const Keys& keys, Counters& counters)
    : socket_(context, zmq::socket_type::router), keys_(keys), counters_(counters) {
  socket_.set(zmq::sockopt::linger, 0);
  socket_.set(zmq::sockopt::rcvhwm, kMaxWaiting);
  socket_.set(zmq::sockopt::sndhwm, kMaxWaiting);
  socket_.bind(kAddress);
}

void Gatekeeper::serve() {
  for (int i = 0; i < kBurst && answer_one(); ++i) {
  }
}

bool Gatekeeper::answer_one() {
  zmq::message_t sender;
  if (!socket_.recv(sender, zmq::recv_flags::dontwait)) return false;
  std::vector<std::string> parts;
  bool more = sender.more();
  for (bool delimiter = true; more; delimiter = false) {
    zmq::message_t part;
    if (!socket_.recv(part, zmq::recv_flags::dontwait)) break;
    more = part.more();
    if (!delimiter && parts.size() <= kParts) parts.push_back(part.to_string());
  }
  if (parts.size() <= kRequestId) return true;
  const std::optional<std::string> owner = owner_of(keys_, parts);
  if (!owner) {
    warn_and_count(counters_.unknown_keys, "bus peer with an unknown key",
                   log::Field("address", parts.size() > kAddressOfPeer ? parts[kAddressOfPeer] : ""));
  }
  reply(sender, parts[kRequestId], owner);
  return true;
}

void Gatekeeper::reply(const zmq::message_t& to, const std::string& request_id,
                       const std::optional<std::string>& owner) {
  const std::array<std::string, 8> parts{
      to.to_string(),     "", "1.0", request_id, owner ? "200" : "400", owner ? "OK" : "unknown key",
      owner.value_or(""), ""};
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const auto flags = i + 1 < parts.size() ? zmq::send_flags::dontwait | zmq::send_flags::sndmore
                                            : zmq::send_flags::dontwait;
    if (!socket_.send(zmq::const_buffer(parts[i].data(), parts[i].size()), flags)) return;
  }
}

}  // namespace millrace::bus
