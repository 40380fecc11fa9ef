#include "rtmp/session_state.hpp"

#include <algorithm>

namespace millrace::rtmp {

bool holds_media(const Assembly& assembly) {
  return assembly.mode == Assembly::Mode::kForward || assembly.mode == Assembly::Mode::kSplit;
}

void save_text(const std::string& text, ByteWriter& out) {
  out.u16(static_cast<std::uint16_t>(text.size()));  // max_text_bytes fits
  out.text(text);
}

std::string restore_text(ByteReader& reader) {
  return std::string(as_text(reader.take(reader.u16())));
}

namespace {

void save_assembly(const Assembly& assembly, ByteWriter& out) {
  out.u8(static_cast<std::uint8_t>(assembly.mode));
  if (assembly.mode == Assembly::Mode::kNone) return;
  out.u8(assembly.skip);
  out.u32(assembly.header.chunk_stream_id);
  out.u8(static_cast<std::uint8_t>(assembly.header.type));
  out.u32(assembly.header.timestamp_ms);
  out.u32(assembly.header.size);
  out.u32(assembly.header.message_stream_id);
  out.u32(static_cast<std::uint32_t>(assembly.body.size()));
  out.append(assembly.body);
  if (assembly.mode == Assembly::Mode::kSplit) assembly.splitter.save(out);
}

bool restore_assembly(ByteReader& reader, Assembly& assembly) {
  const std::uint8_t mode = reader.u8();
  if (mode > static_cast<std::uint8_t>(Assembly::Mode::kCollect)) return false;
  assembly.mode = static_cast<Assembly::Mode>(mode);
  if (assembly.mode == Assembly::Mode::kNone) return reader.ok();
  assembly.skip = reader.u8();
  assembly.header.chunk_stream_id = reader.u32();
  assembly.header.type = static_cast<MessageType>(reader.u8());
  assembly.header.timestamp_ms = reader.u32();
  assembly.header.size = reader.u32();
  assembly.header.message_stream_id = reader.u32();
  const ByteView body = reader.take(reader.u32());
  assembly.body.assign(body.begin(), body.end());
  if (assembly.mode == Assembly::Mode::kSplit && !assembly.splitter.restore(reader)) return false;
  return reader.ok();
}

bool restore_stream(ByteReader& reader, MessageStream& stream) {
  stream.id = reader.u32();
  const std::uint8_t use = reader.u8();
  stream.use = static_cast<MessageStream::Use>(use);
  stream.name = restore_text(reader);
  const std::uint8_t wishes = reader.u8();
  stream.wishes = {(wishes & 1) != 0, (wishes & 2) != 0, (wishes & 4) != 0};
  return reader.ok() && use <= static_cast<std::uint8_t>(MessageStream::Use::kPlaying);
}

}  // namespace

MessageStream* MessageState::find_stream(std::uint32_t id) {
  for (MessageStream& stream : streams) {
    if (stream.id == id) return &stream;
  }
  return nullptr;
}

void MessageState::save_messages(ByteWriter& out) const {
  chunks.save(out);
  out.u16(static_cast<std::uint16_t>(assemblies.size()));
  for (const Assembly& assembly : assemblies) save_assembly(assembly, out);
  out.u16(static_cast<std::uint16_t>(streams.size()));
  for (const MessageStream& stream : streams) {
    out.u32(stream.id);
    out.u8(static_cast<std::uint8_t>(stream.use));
    save_text(stream.name, out);
    out.u8(static_cast<std::uint8_t>((stream.wishes.paused ? 1 : 0) | (stream.wishes.audio ? 2 : 0) |
                                     (stream.wishes.video ? 4 : 0)));
  }
  out.u64(received);
  out.u64(acknowledged);
  out.u32(acknowledgement_window);
  out.u32(send_chunk_size);
}

bool SessionState::publish_waits() const {
  return std::any_of(streams.begin(), streams.end(), [](const MessageStream& stream) {
    return stream.use == MessageStream::Use::kPublishRequested;
  });
}

void SessionState::save(ByteWriter& out) const {
  handshake.save(out);
  save_messages(out);
  out.u8(connected ? 1 : 0);
  out.u8(closed ? 1 : 0);
  out.u8(told_of_dropped_media ? 1 : 0);
  save_text(app, out);
  save_text(app_query, out);
  save_text(tc_url, out);
  save_text(flash_version, out);
  capabilities.save(out);
}

bool MessageState::restore_messages(ByteReader& reader) {
  if (!chunks.restore(reader, limits)) return false;
  const std::size_t assembly_count = reader.u16();
  if (assembly_count > limits.max_chunk_streams) return false;
  assemblies.resize(assembly_count);
  for (Assembly& assembly : assemblies) {
    if (!restore_assembly(reader, assembly)) return false;
    if (assembly.mode == Assembly::Mode::kCollect) open_command_bytes += assembly.header.size;
    if (holds_media(assembly)) open_media_bytes += assembly.header.size;
  }
  const std::size_t stream_count = reader.u16();
  if (stream_count > limits.max_message_streams) return false;
  streams.resize(stream_count);
  for (MessageStream& stream : streams) {
    if (!restore_stream(reader, stream)) return false;
  }
  received = reader.u64();
  acknowledged = reader.u64();
  acknowledgement_window = reader.u32();
  send_chunk_size = reader.u32();
  return reader.ok() && acknowledgement_window != 0 && send_chunk_size >= 128 && acknowledged <= received &&
         assemblies.size() == chunks.slots();
}

bool SessionState::restore(ByteReader& reader) {
  if (!handshake.restore(reader) || !restore_messages(reader)) return false;
  connected = reader.u8() != 0;
  closed = reader.u8() != 0;
  told_of_dropped_media = reader.u8() != 0;
  app = restore_text(reader);
  app_query = restore_text(reader);
  tc_url = restore_text(reader);
  flash_version = restore_text(reader);
  if (!capabilities.restore(reader)) return false;
  return reader.ok() && reader.empty();
}

}  // namespace millrace::rtmp
