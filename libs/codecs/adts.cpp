#include "codecs/adts.hpp"

namespace millrace::codecs {
namespace {

constexpr std::uint32_t kSizeWithoutCrc = 7;
constexpr std::uint32_t kCrcSize = 2;

}  // namespace

bool begins_with_adts(ByteView bytes) {
  return bytes.size() >= 2 && bytes[0] == 0xFF && (bytes[1] & 0xF6) == 0xF0;
}

std::optional<AdtsFrame> next_adts_frame(ByteView& rest) {
  if (rest.size() < kSizeWithoutCrc || !begins_with_adts(rest)) return std::nullopt;
  const bool crc = (rest[1] & 1) == 0;
  const std::uint32_t object_type = (rest[2] >> 6) + 1U;
  const std::uint32_t rate_index = rest[2] >> 2 & 0x0F;
  const std::uint32_t channels = (rest[2] & 1U) << 2 | rest[3] >> 6;
  const std::uint32_t size = (rest[3] & 3U) << 11 | rest[4] << 3 | rest[5] >> 5;
  const std::uint32_t header = kSizeWithoutCrc + (crc ? kCrcSize : 0);
  const bool one_block = (rest[6] & 3) == 0;
  if (!one_block || size > rest.size() || size <= header) return std::nullopt;
  AdtsFrame frame;
  frame.audio_specific_config = {static_cast<std::uint8_t>(object_type << 3 | rate_index >> 1),
                                 static_cast<std::uint8_t>((rate_index & 1) << 7 | channels << 3)};
  frame.raw = rest.subspan(header, size - header);
  rest = rest.subspan(size);
  return frame;
}

}  // namespace millrace::codecs
