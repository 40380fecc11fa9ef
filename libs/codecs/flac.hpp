// FLAC: the stream's header and the length of a frame. Pure functions; any thread; input is outside data and
// may hold anything.
//
// Specifications: RFC 9639 8.1, 8.2 (metadata block, STREAMINFO), 9.1 (frame header); Encapsulation of FLAC
// in ISO Base Media File Format 3.3.2 (dfLa).
#pragma once

#include <cstdint>
#include <string>

#include "base/bytes.hpp"
#include "base/result.hpp"

namespace millrace::codecs {

struct FlacConfiguration {
  std::uint16_t min_block_samples = 0;
  std::uint16_t max_block_samples = 0;  // equal to the other: every frame but the last has as many
  std::uint32_t sample_rate = 0;
  std::uint8_t channels = 0;
  std::uint8_t bits_per_sample = 0;
  Bytes stream_info;  // the 34 bytes of STREAMINFO
};

// Takes "fLaC" with metadata blocks of which the first is STREAMINFO (what Enhanced RTMP sends), the blocks
// alone, and the bare 34 bytes. "codecs.flac_truncated", "codecs.flac_invalid" (another block in front, or a
// value that the specification forbids).
Result<FlacConfiguration> parse_flac_header(ByteView header);

// The payload of MP4's dfLa: version, flags and STREAMINFO as the only block.
Bytes flac_specific_box(const FlacConfiguration& configuration);

// Samples a channel of a frame. "codecs.flac_frame": not a frame's header, or cut off.
Result<std::uint32_t> flac_frame_samples(ByteView frame);

// "fLaC": the sample entry's code (RFC 6381 3.3).
std::string codec_string(const FlacConfiguration& configuration);

}  // namespace millrace::codecs
