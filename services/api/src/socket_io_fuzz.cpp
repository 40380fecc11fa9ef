// A payload of Engine.IO whose messages are read as Socket.IO's packets.
#include <cstdint>

#include "engine_io.hpp"
#include "socket_io.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view body(reinterpret_cast<const char*>(data), size);
  const auto packets = millrace::api::parse_engine_io_payload(body);
  if (!packets) return 0;
  if (packets->size() > millrace::api::kMaxEngineIoPackets) __builtin_trap();
  for (const auto& packet : *packets) {
    if (packet.type != millrace::api::EngineIoType::kMessage) continue;
    const auto message = millrace::api::parse_socket_io_packet(packet.data);
    if (message && message->type == millrace::api::SocketIoType::kEvent && !message->payload[0].is_string())
      __builtin_trap();
  }
  return 0;
}
