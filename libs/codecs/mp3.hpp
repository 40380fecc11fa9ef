// MPEG audio layer III: the frame header. The codec has no configuration of its own; a track is described by
// its first frame's header. A pure function; any thread; input is outside data and may hold anything.
//
// Specifications: ISO/IEC 11172-3 2.4.1.3, 13818-3 2.4.2.3 (lower sampling frequencies); ISO/IEC 14496-1
// table 5 (object types in MP4).
#pragma once

#include <cstdint>
#include <string>

#include "base/bytes.hpp"
#include "base/result.hpp"

namespace millrace::codecs {

inline constexpr std::size_t kMp3HeaderSize = 4;

struct Mp3Configuration {
  std::uint8_t version = 1;  // 1: MPEG-1; 2: MPEG-2, and the unofficial 2.5 below 16 kHz
  std::uint32_t sample_rate = 0;
  std::uint32_t channels = 0;
  std::uint32_t samples_per_frame = 0;  // 1152 or 576
};

// The four bytes of the first frame's header, or more of it. "codecs.mp3_truncated", "codecs.mp3_sync" (no
// frame begins here), "codecs.mp3_layer" (layer I or II), "codecs.mp3_invalid" (a reserved rate).
Result<Mp3Configuration> parse_mp3_header(ByteView frame);

// MP4's objectTypeIndication: 0x6B, 0x69 for MPEG-2's rates.
std::uint8_t mp3_object_type(const Mp3Configuration& configuration);

// RFC 6381: "mp4a.6B", "mp4a.69".
std::string codec_string(const Mp3Configuration& configuration);

}  // namespace millrace::codecs
