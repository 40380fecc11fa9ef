#include "flv_tag.hpp"

namespace millrace::packaging {
namespace {

// Type 0 chunk headers (Adobe RTMP 1.0, 5.3.1.2.1 and 5.3.1.3).
constexpr std::size_t kChunkHeader = 12;
constexpr std::size_t kExtendedChunkHeader = 16;
constexpr std::size_t kTypeAt = 7;

void put(std::uint32_t value, unsigned bytes, std::uint8_t*& out) {
  for (unsigned i = bytes; i-- > 0;) *out++ = static_cast<std::uint8_t>(value >> (8 * i));
}

}  // namespace

FlvMessage flv_message(ByteView message) {
  if (message.size() <= kChunkHeader) return {};
  const bool extended = message[1] == 0xFF && message[2] == 0xFF && message[3] == 0xFF;
  const std::size_t header = extended ? kExtendedChunkHeader : kChunkHeader;
  if (message.size() <= header) return {};
  return {message[kTypeAt], message.subspan(header)};
}

Bytes flv_file_header(bool video, bool audio) {
  const auto flags = static_cast<std::uint8_t>((video ? 1 : 0) | (audio ? 4 : 0));
  return {'F', 'L', 'V', 1, flags, 0, 0, 0, 9, 0, 0, 0, 0};
}

// TimestampExtended is the upper byte, behind the lower three (E.4.1).
void put_flv_tag_header(std::uint8_t type, std::uint32_t body_size, std::uint32_t timestamp_ms,
                        std::uint8_t* out) {
  put(type, 1, out);
  put(body_size, 3, out);
  put(timestamp_ms & 0xFFFFFF, 3, out);
  put(timestamp_ms >> 24, 1, out);
  put(0, 3, out);
}

void put_flv_tag_trailer(std::uint32_t body_size, std::uint8_t* out) {
  put(static_cast<std::uint32_t>(kFlvTagHeader) + body_size, 4, out);
}

void append_flv_tag(const FlvMessage& message, std::uint32_t timestamp_ms, Bytes& out) {
  const auto size = static_cast<std::uint32_t>(message.body.size());
  const std::size_t begin = out.size();
  out.resize(begin + kFlvTagHeader);
  put_flv_tag_header(message.type, size, timestamp_ms, out.data() + begin);
  out.insert(out.end(), message.body.begin(), message.body.end());
  out.resize(out.size() + kFlvTagTrailer);
  put_flv_tag_trailer(size, out.data() + out.size() - kFlvTagTrailer);
}

}  // namespace millrace::packaging
