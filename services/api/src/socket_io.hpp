// Packets of Socket.IO, protocol 5 (what Socket.IO 4 speaks), in text: the data of an Engine.IO message.
// Pure.
//
//   type [attachments "-"] [namespace ","] [ack id] [payload in JSON]
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

namespace millrace::api {

enum class SocketIoType : char {
  kConnect = '0',
  kDisconnect = '1',
  kEvent = '2',
  kAck = '3',
  kConnectError = '4',
};

struct SocketIoPacket {
  SocketIoType type = SocketIoType::kEvent;
  std::string name_space = "/";
  std::optional<std::uint64_t> ack;
  // An object or null of CONNECT; an array that begins with the event's name of EVENT; an array of ACK; null
  // else.
  nlohmann::json payload;
};

// nullopt: no packet of this protocol, one whose payload is beyond JsonLimits, one with binary attachments,
// of which we take none, or one that is not a client's to send.
std::optional<SocketIoPacket> parse_socket_io_packet(std::string_view text);

// All as Engine.IO messages: with the "4" in front. namespaces: "/" unless given.
std::string socket_io_connect(std::string_view sid);
std::string socket_io_connect_error(std::string_view name_space, std::string_view message);
std::string socket_io_disconnect();
// data: JSON text.
std::string socket_io_event(std::string_view name, std::string_view data);
std::string socket_io_ack(std::uint64_t id, std::string_view data);

}  // namespace millrace::api
