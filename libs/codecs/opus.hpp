// Opus: the identification header and the duration of a packet. Pure functions; any thread; input is outside
// data and may hold anything.
//
// Specifications: RFC 7845 5.1 (OpusHead); RFC 6716 3.1, 3.2 (TOC); Encapsulation of Opus in ISO Base Media
// File Format 4.3.2 (dOps).
#pragma once

#include <cstdint>
#include <string>

#include "base/bytes.hpp"
#include "base/result.hpp"

namespace millrace::codecs {

// Opus is decoded at this rate, whatever the encoder's input had: the timescale of every Opus track.
inline constexpr std::uint32_t kOpusSampleRate = 48'000;
inline constexpr std::uint32_t kMaxOpusPacketSamples = 5760;  // 120 ms

struct OpusConfiguration {
  std::uint8_t channels = 0;
  std::uint16_t pre_skip = 0;           // samples at 48 kHz to be dropped from the beginning
  std::uint32_t input_sample_rate = 0;  // for information; 0: not stated
  std::int16_t output_gain = 0;         // 1/256 dB
  std::uint8_t mapping_family = 0;
  Bytes channel_mapping;  // family other than 0: stream count, coupled count, one byte per channel
};

// "codecs.opus_truncated", "codecs.opus_version" (no "OpusHead", or a major version other than 0),
// "codecs.opus_channels" (none, too many for the family, or a mapping to streams that there are not).
Result<OpusConfiguration> parse_opus_head(ByteView head);

// The payload of MP4's dOps.
Bytes opus_specific_box(const OpusConfiguration& configuration);

// Samples at 48 kHz that the packet lasts. "codecs.opus_packet": empty, no frames, or longer than 120 ms.
Result<std::uint32_t> opus_packet_samples(ByteView packet);

// "Opus": the sample entry's code (RFC 6381 3.3).
std::string codec_string(const OpusConfiguration& configuration);

}  // namespace millrace::codecs
