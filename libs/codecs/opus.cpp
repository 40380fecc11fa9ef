#include "codecs/opus.hpp"

#include <array>

namespace millrace::codecs {
namespace {

constexpr std::string_view kMagic = "OpusHead";
constexpr std::uint8_t kMajorVersionMask = 0xF0;
constexpr std::uint8_t kSilentChannel = 255;

std::uint16_t u16_le(ByteReader& reader) {
  const std::uint16_t low = reader.u8();
  return static_cast<std::uint16_t>(low | reader.u8() << 8);
}

// RFC 7845 5.1.1: families 0 (mono, stereo) and 1 (Vorbis order) limit the channels.
bool channels_allowed(std::uint8_t channels, std::uint8_t family) {
  if (channels == 0) return false;
  if (family == 0) return channels <= 2;
  return family != 1 || channels <= 8;
}

bool mapping_valid(ByteView mapping) {
  const unsigned streams = mapping[0];
  const unsigned coupled = mapping[1];
  if (streams == 0 || coupled > streams || streams + coupled > 255) return false;
  for (const std::uint8_t index : mapping.subspan(2)) {
    if (index != kSilentChannel && index >= streams + coupled) return false;
  }
  return true;
}

}  // namespace

Result<OpusConfiguration> parse_opus_head(ByteView head) {
  ByteReader reader(head);
  const ByteView magic = reader.take(kMagic.size());
  if (!reader.ok()) return fail("codecs.opus_truncated", "the Opus header is cut off");
  const std::uint8_t version = reader.u8();
  OpusConfiguration configuration;
  configuration.channels = reader.u8();
  configuration.pre_skip = u16_le(reader);
  configuration.input_sample_rate = reader.u32_le();
  configuration.output_gain = static_cast<std::int16_t>(u16_le(reader));
  configuration.mapping_family = reader.u8();
  if (as_text(magic) != kMagic || (version & kMajorVersionMask) != 0)
    return fail("codecs.opus_version", "not an Opus header of a known version");
  ByteView mapping;
  if (configuration.mapping_family != 0) mapping = reader.take(std::size_t{2} + configuration.channels);
  if (!reader.ok()) return fail("codecs.opus_truncated", "the Opus header is cut off");
  if (!channels_allowed(configuration.channels, configuration.mapping_family) ||
      (!mapping.empty() && !mapping_valid(mapping))) {
    return fail("codecs.opus_channels", "channels of the Opus header");
  }
  configuration.channel_mapping.assign(mapping.begin(), mapping.end());
  return configuration;
}

Bytes opus_specific_box(const OpusConfiguration& configuration) {
  ByteWriter writer;
  writer.u8(0);  // Version
  writer.u8(configuration.channels);
  writer.u16(configuration.pre_skip);
  writer.u32(configuration.input_sample_rate);
  writer.u16(static_cast<std::uint16_t>(configuration.output_gain));
  writer.u8(configuration.mapping_family);
  writer.append(configuration.channel_mapping);
  return writer.take();
}

Result<std::uint32_t> opus_packet_samples(ByteView packet) {
  // RFC 6716 table 2, in samples at 48 kHz
  constexpr std::array<std::uint32_t, 4> kSilk = {480, 960, 1920, 2880};
  constexpr std::array<std::uint32_t, 2> kHybrid = {480, 960};
  constexpr std::array<std::uint32_t, 4> kCelt = {120, 240, 480, 960};
  constexpr unsigned kFirstHybrid = 12;
  constexpr unsigned kFirstCelt = 16;

  ByteReader reader(packet);
  const std::uint8_t toc = reader.u8();
  const unsigned configuration = toc >> 3;
  const unsigned code = toc & 3;
  const unsigned frames = code == 0 ? 1 : code < 3 ? 2 : reader.u8() & 0x3F;
  const std::uint32_t samples = configuration < kFirstHybrid ? kSilk[configuration & 3]
                                : configuration < kFirstCelt ? kHybrid[configuration & 1]
                                                             : kCelt[configuration & 3];
  if (!reader.ok() || frames == 0 || frames * samples > kMaxOpusPacketSamples)
    return fail("codecs.opus_packet", "the Opus packet's frames");
  return frames * samples;
}

std::string codec_string(const OpusConfiguration& /*configuration*/) {
  return "Opus";
}

}  // namespace millrace::codecs
