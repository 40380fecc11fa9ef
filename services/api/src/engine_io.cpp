#include "engine_io.hpp"

namespace millrace::api {

std::optional<EngineIoPacket> parse_engine_io_packet(std::string_view text) {
  if (text.empty() || text.front() < '0' || text.front() > '6') return std::nullopt;
  return EngineIoPacket{static_cast<EngineIoType>(text.front()), text.substr(1)};
}

std::optional<std::vector<EngineIoPacket>> parse_engine_io_payload(std::string_view body) {
  std::vector<EngineIoPacket> packets;
  while (true) {
    const std::size_t end = body.find(kEngineIoSeparator);
    const auto packet = parse_engine_io_packet(body.substr(0, end));
    if (!packet || packets.size() == kMaxEngineIoPackets) return std::nullopt;
    packets.push_back(*packet);
    if (end == std::string_view::npos) return packets;
    body.remove_prefix(end + 1);
  }
}

std::string open_packet(const EngineIoHandshake& handshake) {
  return R"(0{"sid":")" + handshake.sid + R"(","upgrades":[)" +
         (handshake.can_upgrade ? R"("websocket")" : "") + R"(],"pingInterval":)" +
         std::to_string(handshake.ping_interval_ms) + R"(,"pingTimeout":)" +
         std::to_string(handshake.ping_timeout_ms) + R"(,"maxPayload":)" +
         std::to_string(handshake.max_payload) + "}";
}

}  // namespace millrace::api
