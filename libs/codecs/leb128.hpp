// AV1's variable-length numbers (AV1 4.10.5).
#pragma once

#include <cstdint>

#include "base/bytes.hpp"

namespace millrace::codecs {

inline std::uint64_t read_leb128(ByteReader& reader) {
  constexpr unsigned kMaxBytes = 8;
  std::uint64_t value = 0;
  for (unsigned i = 0; i < kMaxBytes; ++i) {
    const std::uint8_t byte = reader.u8();
    value |= std::uint64_t{byte & 0x7FU} << (7 * i);
    if ((byte & 0x80) == 0) break;
  }
  return value;
}

}  // namespace millrace::codecs
