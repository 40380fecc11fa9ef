// AAC frames that an encoder left in their ADTS wrapping, which FLV does not allow. Pure functions; any
// thread; input is outside data and may hold anything. Specification: ISO/IEC 13818-7 6.2.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "base/bytes.hpp"

namespace millrace::codecs {

// The bytes begin with ADTS' sync word. No raw AAC frame does: its first element would be its end.
bool begins_with_adts(ByteView bytes);

struct AdtsFrame {
  std::array<std::uint8_t, 2> audio_specific_config{};
  ByteView raw;  // the raw data block; not empty
};

// Takes the next frame off rest. Nothing at the end, or where rest is no whole frame with one raw data block:
// rest is left as it is then. Where a frame has more, only one with a CRC says where they begin (13818-7
// 6.2.3: raw_data_block_position); encoders for streaming make neither.
std::optional<AdtsFrame> next_adts_frame(ByteView& rest);

}  // namespace millrace::codecs
