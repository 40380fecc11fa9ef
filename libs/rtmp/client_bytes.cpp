#include "rtmp/client_bytes.hpp"

#include "rtmp/chunk_writer.hpp"
#include "rtmp/digest.hpp"

namespace millrace::rtmp::testing {

Bytes simple_handshake() {
  ByteWriter out;
  out.u8(3);
  out.zeros(8);
  for (std::size_t i = 8; i < kHandshakePacketSize; ++i) out.u8(static_cast<std::uint8_t>(i * 131));
  out.zeros(kHandshakePacketSize);
  return out.take();
}

Bytes command_body(std::string_view name, double transaction, std::initializer_list<amf0::Value> arguments) {
  ByteWriter body;
  amf0::serialize(name, body);
  amf0::serialize(transaction, body);
  for (const amf0::Value& argument : arguments) amf0::serialize(argument, body);
  return body.take();
}

Bytes command(std::string_view name, double transaction, std::initializer_list<amf0::Value> arguments,
              std::uint32_t message_stream_id, std::uint32_t chunk_size) {
  const Bytes body = command_body(name, transaction, arguments);
  return message({kCommandChunkStream, MessageType::kCommand, 0, 0, message_stream_id}, body, chunk_size);
}

Bytes message(const MessageHeader& header, ByteView body, std::uint32_t chunk_size) {
  ByteWriter out;
  append_message(header, body, chunk_size, out);
  return out.take();
}

Bytes control(MessageType type, std::uint32_t number) {
  ByteWriter body;
  body.u32(number);
  return message({kControlChunkStream, type, 0, 0, 0}, body.view());
}

amf0::Object object(std::initializer_list<amf0::Property> properties) {
  return {amf0::Object::Kind::kAnonymous, {}, properties};
}

Bytes publish_session(std::string_view app, std::string_view name) {
  return simple_handshake() + command("connect", 1, {object({{"app", app}, {"tcUrl", "rtmp://host/live"}})}) +
         command("createStream", 2, {amf0::Null{}}) + command("publish", 3, {amf0::Null{}, name, "live"}, 1);
}

Bytes operator+(Bytes left, const Bytes& right) {
  left.insert(left.end(), right.begin(), right.end());
  return left;
}

}  // namespace millrace::rtmp::testing
