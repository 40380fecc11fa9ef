#include "flv_tag.hpp"

namespace millrace::packaging {
namespace {

void put(std::uint32_t value, unsigned bytes, std::uint8_t*& out) {
  for (unsigned i = bytes; i-- > 0;) *out++ = static_cast<std::uint8_t>(value >> (8 * i));
}

}  // namespace

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

void append_flv_tag(const media::LogMessage& message, std::uint32_t timestamp_ms, Bytes& out) {
  const auto size = static_cast<std::uint32_t>(message.body.size());
  const std::size_t begin = out.size();
  out.resize(begin + kFlvTagHeader);
  put_flv_tag_header(message.type, size, timestamp_ms, out.data() + begin);
  out.insert(out.end(), message.body.begin(), message.body.end());
  out.resize(out.size() + kFlvTagTrailer);
  put_flv_tag_trailer(size, out.data() + out.size() - kFlvTagTrailer);
}

}  // namespace millrace::packaging
