#include "codecs/mp3.hpp"

#include <array>

namespace millrace::codecs {
namespace {

constexpr std::array<std::uint32_t, 3> kSampleRates = {44'100, 48'000, 32'000};
constexpr std::uint32_t kLayer3 = 1;
constexpr std::uint8_t kObjectTypeMpeg1 = 0x6B;
constexpr std::uint8_t kObjectTypeMpeg2 = 0x69;

}  // namespace

Result<Mp3Configuration> parse_mp3_header(ByteView frame) {
  ByteReader reader(frame);
  const std::uint32_t header = reader.u32();
  if (!reader.ok()) return fail("codecs.mp3_truncated", "the MPEG audio header is cut off");
  const std::uint32_t version = header >> 19 & 3;  // 3: MPEG-1, 2: MPEG-2, 0: MPEG-2.5
  const std::uint32_t layer = header >> 17 & 3;
  const std::uint32_t bit_rate = header >> 12 & 15;
  const std::uint32_t rate = header >> 10 & 3;
  if (header >> 21 != 0x7FF || version == 1 || layer == 0)
    return fail("codecs.mp3_sync", "not an MPEG audio frame");
  if (layer != kLayer3) return fail("codecs.mp3_layer", "MPEG audio of another layer than III");
  if (bit_rate == 15 || rate == 3) return fail("codecs.mp3_invalid", "a reserved rate of MPEG audio");
  Mp3Configuration configuration;
  configuration.version = version == 3 ? 1 : 2;
  configuration.sample_rate = kSampleRates[rate] >> (version == 3 ? 0 : version == 2 ? 1 : 2);
  configuration.channels = (header >> 6 & 3) == 3 ? 1 : 2;
  configuration.samples_per_frame = version == 3 ? 1152 : 576;
  return configuration;
}

std::uint8_t mp3_object_type(const Mp3Configuration& configuration) {
  return configuration.version == 1 ? kObjectTypeMpeg1 : kObjectTypeMpeg2;
}

std::string codec_string(const Mp3Configuration& configuration) {
  return configuration.version == 1 ? "mp4a.6B" : "mp4a.69";
}

}  // namespace millrace::codecs
