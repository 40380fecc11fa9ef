#include "codecs/flac.hpp"

#include "base/bits.hpp"

namespace millrace::codecs {
namespace {

constexpr std::string_view kMagic = "fLaC";
constexpr std::size_t kStreamInfoSize = 34;
constexpr std::uint16_t kMinBlockSamples = 16;
constexpr std::uint8_t kLastBlockStreamInfo = 0x80;
constexpr std::uint32_t kFrameSync = 0x3FFE;

// Bytes of the coded number behind a frame's fixed fields, given by its first one as in UTF-8; 0 if invalid.
std::size_t coded_number_size(std::uint8_t first) {
  if ((first & 0x80) == 0) return 1;
  std::size_t size = 0;
  while (size < 8 && (first << size & 0x80) != 0) ++size;
  return size >= 2 && size <= 7 ? size : 0;
}

}  // namespace

Result<FlacConfiguration> parse_flac_header(ByteView header) {
  ByteReader reader(header);
  if (header.size() != kStreamInfoSize) {
    if (header.size() >= kMagic.size() && as_text(header.first(kMagic.size())) == kMagic)
      reader.skip(kMagic.size());
    const std::uint8_t type = reader.u8() & 0x7F;
    const std::uint32_t size = reader.u24();
    if (!reader.ok()) return fail("codecs.flac_truncated", "the FLAC header is cut off");
    if (type != 0 || size != kStreamInfoSize)
      return fail("codecs.flac_invalid", "the FLAC header does not begin with STREAMINFO");
  }
  const ByteView info = reader.take(kStreamInfoSize);
  if (!reader.ok()) return fail("codecs.flac_truncated", "the FLAC header is cut off");
  BitReader bits(info);
  FlacConfiguration configuration;
  configuration.min_block_samples = static_cast<std::uint16_t>(bits.bits(16));
  configuration.max_block_samples = static_cast<std::uint16_t>(bits.bits(16));
  bits.skip(24 + 24);  // frame sizes in bytes
  configuration.sample_rate = bits.bits(20);
  configuration.channels = static_cast<std::uint8_t>(bits.bits(3) + 1);
  configuration.bits_per_sample = static_cast<std::uint8_t>(bits.bits(5) + 1);
  configuration.stream_info.assign(info.begin(), info.end());
  if (configuration.sample_rate == 0 || configuration.min_block_samples < kMinBlockSamples ||
      configuration.max_block_samples < configuration.min_block_samples ||
      configuration.bits_per_sample < 4) {
    return fail("codecs.flac_invalid", "a value of the FLAC header is out of range");
  }
  return configuration;
}

Bytes flac_specific_box(const FlacConfiguration& configuration) {
  ByteWriter writer;
  writer.u32(0);  // version, flags
  writer.u8(kLastBlockStreamInfo);
  writer.u24(static_cast<std::uint32_t>(configuration.stream_info.size()));
  writer.append(configuration.stream_info);
  return writer.take();
}

Result<std::uint32_t> flac_frame_samples(ByteView frame) {
  ByteReader reader(frame);
  const std::uint16_t sync = reader.u16();
  const unsigned code = reader.u8() >> 4;
  reader.skip(1);  // channels, sample size
  const std::size_t number = coded_number_size(reader.u8());
  reader.skip(number == 0 ? 0 : number - 1);
  std::uint32_t samples = 0;
  if (code == 1) {
    samples = 192;
  } else if (code >= 2 && code <= 5) {
    samples = 576U << (code - 2);
  } else if (code == 6) {
    samples = reader.u8() + 1U;
  } else if (code == 7) {
    samples = reader.u16() + 1U;
  } else if (code >= 8) {
    samples = 256U << (code - 8);
  }
  if (!reader.ok() || sync >> 2 != kFrameSync || (sync & 2) != 0 || samples == 0 || number == 0)
    return fail("codecs.flac_frame", "not a FLAC frame");
  return samples;
}

std::string codec_string(const FlacConfiguration& /*configuration*/) {
  return "fLaC";
}

}  // namespace millrace::codecs
