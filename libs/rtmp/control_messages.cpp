#include "rtmp/control_messages.hpp"

#include "rtmp/chunk_reader.hpp"
#include "rtmp/chunk_writer.hpp"

namespace millrace::rtmp {

namespace {

constexpr std::uint8_t kDynamicLimit = 2;

void append_control(MessageType type, ByteView body, ByteWriter& out) {
  append_message({kControlChunkStream, type, 0, 0, 0}, body, ChunkReader::kDefaultChunkSize, out);
}

void append_number(MessageType type, std::uint32_t number, ByteWriter& out) {
  ByteWriter body;
  body.u32(number);
  append_control(type, body.view(), out);
}

}  // namespace

std::optional<std::uint32_t> parse_control_number(ByteView body) {
  ByteReader reader(body);
  const std::uint32_t number = reader.u32();
  if (!reader.ok()) return std::nullopt;
  return number;
}

std::optional<UserControl> parse_user_control(ByteView body) {
  ByteReader reader(body);
  const auto event = static_cast<UserControlEvent>(reader.u16());
  const std::uint32_t value = reader.u32();
  if (!reader.ok()) return std::nullopt;
  return UserControl{event, value};
}

void append_set_chunk_size(std::uint32_t size, ByteWriter& out) {
  append_number(MessageType::kSetChunkSize, size, out);
}

void append_acknowledgement(std::uint32_t sequence_number, ByteWriter& out) {
  append_number(MessageType::kAcknowledgement, sequence_number, out);
}

void append_window_acknowledgement_size(std::uint32_t size, ByteWriter& out) {
  append_number(MessageType::kWindowAcknowledgementSize, size, out);
}

void append_set_peer_bandwidth(std::uint32_t size, ByteWriter& out) {
  ByteWriter body;
  body.u32(size);
  body.u8(kDynamicLimit);
  append_control(MessageType::kSetPeerBandwidth, body.view(), out);
}

void append_user_control(const UserControl& message, ByteWriter& out) {
  ByteWriter body;
  body.u16(static_cast<std::uint16_t>(message.event));
  body.u32(message.value);
  append_control(MessageType::kUserControl, body.view(), out);
}

}  // namespace millrace::rtmp
