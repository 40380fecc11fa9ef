#include "adts.hpp"

namespace millrace::ingest {

std::optional<AdtsHeader> parse_adts(ByteView frame) {
  constexpr std::uint32_t kSizeWithoutCrc = 7;
  constexpr std::uint32_t kCrcSize = 2;
  if (frame.size() < kSizeWithoutCrc || frame[0] != 0xFF || (frame[1] & 0xF6) != 0xF0) return std::nullopt;
  const bool crc = (frame[1] & 1) == 0;
  const std::uint32_t object_type = (frame[2] >> 6) + 1U;
  const std::uint32_t rate_index = frame[2] >> 2 & 0x0F;
  const std::uint32_t channels = (frame[2] & 1U) << 2 | frame[3] >> 6;
  const std::uint32_t size = (frame[3] & 3U) << 11 | frame[4] << 3 | frame[5] >> 5;
  const bool one_block = (frame[6] & 3) == 0;
  AdtsHeader header;
  header.size = kSizeWithoutCrc + (crc ? kCrcSize : 0);
  if (!one_block || size != frame.size() || size <= header.size) return std::nullopt;
  header.audio_specific_config = {static_cast<std::uint8_t>(object_type << 3 | rate_index >> 1),
                                  static_cast<std::uint8_t>((rate_index & 1) << 7 | channels << 3)};
  return header;
}

}  // namespace millrace::ingest
