// AAC frames that an encoder left in their ADTS wrapping, which FLV does not allow: what is said before the
// raw frame. A pure function. Specification: ISO/IEC 13818-7 6.2.
#pragma once

#include <optional>

#include "base/bytes.hpp"

namespace millrace::ingest {

struct AdtsHeader {
  std::uint32_t size = 0;       // the raw frame follows
  Bytes audio_specific_config;  // of two bytes
};

// Nothing unless frame is exactly one ADTS frame with one raw data block. No raw AAC frame begins like that:
// its first element would be its end.
std::optional<AdtsHeader> parse_adts(ByteView frame);

}  // namespace millrace::ingest
