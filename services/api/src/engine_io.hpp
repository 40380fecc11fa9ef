// Packets of Engine.IO, protocol 4 (the "4" of EIO=4), in text. Pure.
//
//   packet  = type [data]                 one WebSocket message
//   payload = packet *( %x1E packet )     the body of a poll or of a POST
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace millrace::api {

enum class EngineIoType : char {
  kOpen = '0',
  kClose = '1',
  kPing = '2',
  kPong = '3',
  kMessage = '4',
  kUpgrade = '5',
  kNoop = '6',
};

inline constexpr char kEngineIoSeparator = '\x1e';
inline constexpr std::size_t kMaxEngineIoPackets = 64;  // of one payload

struct EngineIoPacket {
  EngineIoType type = EngineIoType::kNoop;
  std::string_view data;  // of what was parsed
};

// nullopt: no packet of this protocol, or a binary one ("b…"), of which we take none.
std::optional<EngineIoPacket> parse_engine_io_packet(std::string_view text);
// nullopt when any packet is none, or there are none or too many.
std::optional<std::vector<EngineIoPacket>> parse_engine_io_payload(std::string_view body);

// What the open packet says.
struct EngineIoHandshake {
  std::string sid;
  bool can_upgrade = false;  // to WebSocket
  std::int64_t ping_interval_ms = 0;
  std::int64_t ping_timeout_ms = 0;
  std::size_t max_payload = 0;
};
std::string open_packet(const EngineIoHandshake& handshake);

}  // namespace millrace::api
