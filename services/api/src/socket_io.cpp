#include "socket_io.hpp"

#include <charconv>

#include "base/bounded_json.hpp"

namespace millrace::api {
namespace {

constexpr std::size_t kMaxNamespace = 256;
constexpr std::uint64_t kMaxAck = 9'007'199'254'740'991;  // what JavaScript counts to

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

// False: a namespace without its end, or too long.
bool take_namespace(std::string_view& text, std::string& name_space) {
  if (!text.starts_with('/')) return true;
  const std::size_t end = std::min(text.find(','), text.size());
  if (end > kMaxNamespace) return false;
  // Whatever stands behind a '?' is for the server's own use; there is none here.
  name_space = text.substr(0, std::min(end, text.find('?')));
  text.remove_prefix(std::min(end + 1, text.size()));
  return true;
}

bool take_ack(std::string_view& text, std::optional<std::uint64_t>& ack) {
  if (text.empty() || !is_digit(text.front())) return true;
  std::uint64_t id = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), id);
  if (error != std::errc() || id > kMaxAck) return false;
  ack = id;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return true;
}

bool has_its_payload(const SocketIoPacket& packet) {
  const nlohmann::json& payload = packet.payload;
  switch (packet.type) {
    case SocketIoType::kConnect:
      return payload.is_null() || payload.is_object();
    case SocketIoType::kDisconnect:
      return payload.is_null();
    case SocketIoType::kEvent:
      return payload.is_array() && !payload.empty() && payload.front().is_string();
    case SocketIoType::kAck:
      return payload.is_array() && packet.ack.has_value();
    case SocketIoType::kConnectError:
      return false;
  }
  return false;
}

std::string quoted(std::string_view text) {
  return nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace

std::optional<SocketIoPacket> parse_socket_io_packet(std::string_view text) {
  if (text.empty() || text.front() < '0' || text.front() > '4') return std::nullopt;
  SocketIoPacket packet;
  packet.type = static_cast<SocketIoType>(text.front());
  text.remove_prefix(1);
  if (!take_namespace(text, packet.name_space) || !take_ack(text, packet.ack)) return std::nullopt;
  if (!text.empty()) {
    std::optional<nlohmann::json> payload = parse_json(text);
    if (!payload) return std::nullopt;
    packet.payload = std::move(*payload);
  }
  if (!has_its_payload(packet)) return std::nullopt;
  return packet;
}

std::string socket_io_connect(std::string_view sid) {
  return R"(40{"sid":)" + quoted(sid) + "}";
}

std::string socket_io_connect_error(std::string_view name_space, std::string_view message) {
  const std::string where = name_space == "/" ? std::string() : std::string(name_space) + ",";
  return "44" + where + R"({"message":)" + quoted(message) + "}";
}

std::string socket_io_disconnect() {
  return "41";
}

std::string socket_io_event(std::string_view name, std::string_view data) {
  return "42[" + quoted(name) + "," + std::string(data) + "]";
}

std::string socket_io_ack(std::uint64_t id, std::string_view data) {
  return "43" + std::to_string(id) + "[" + std::string(data) + "]";
}

}  // namespace millrace::api
