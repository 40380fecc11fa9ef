#include "rtmp/chunk_writer.hpp"

#include <algorithm>

namespace millrace::rtmp {

namespace {

constexpr std::uint32_t kExtendedMark = 0xFFFFFF;

void append_basic_header(std::uint8_t format, std::uint32_t id, ByteWriter& out) {
  const auto high = static_cast<std::uint8_t>(format << 6);
  if (id < 64) {
    out.u8(static_cast<std::uint8_t>(high | id));
  } else if (id < 64 + 256) {
    out.u8(high);
    out.u8(static_cast<std::uint8_t>(id - 64));
  } else {
    out.u8(high | 1);
    out.u8(static_cast<std::uint8_t>((id - 64) & 0xFF));
    out.u8(static_cast<std::uint8_t>((id - 64) >> 8));
  }
}

}  // namespace

void append_message(const MessageHeader& header, ByteView body, std::uint32_t chunk_size, ByteWriter& out) {
  const bool extended = header.timestamp_ms >= kExtendedMark;
  append_basic_header(0, header.chunk_stream_id, out);
  out.u24(extended ? kExtendedMark : header.timestamp_ms);
  out.u24(static_cast<std::uint32_t>(body.size()));
  out.u8(static_cast<std::uint8_t>(header.type));
  out.u32_le(header.message_stream_id);
  if (extended) out.u32(header.timestamp_ms);
  for (std::size_t at = 0; at < body.size(); at += chunk_size) {
    if (at != 0) {
      append_basic_header(3, header.chunk_stream_id, out);
      if (extended) out.u32(header.timestamp_ms);
    }
    out.append(body.subspan(at, std::min<std::size_t>(chunk_size, body.size() - at)));
  }
}

}  // namespace millrace::rtmp
