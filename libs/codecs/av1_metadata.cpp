#include <algorithm>
#include <limits>

#include "codecs/av1.hpp"
#include "codecs/captions.hpp"
#include "codecs/leb128.hpp"

namespace millrace::codecs {
namespace {

// AV1 6.7.1
constexpr std::uint64_t kContentLight = 1;
constexpr std::uint64_t kMasteringDisplay = 2;
constexpr std::uint64_t kT35 = 4;

// AV1 6.7.4 has fractions of powers of two; MP4 and H.265 have decimal ones.
std::uint16_t chromaticity(std::uint16_t value) {
  constexpr std::uint32_t kUnits = 50'000;
  return static_cast<std::uint16_t>((std::uint32_t{value} * kUnits + (1U << 15)) >> 16);
}
std::uint32_t luminance(std::uint32_t value, unsigned fraction_bits) {
  constexpr std::uint64_t kUnits = 10'000;
  const std::uint64_t scaled = (value * kUnits + (1ULL << (fraction_bits - 1))) >> fraction_bits;
  return static_cast<std::uint32_t>(
      std::min<std::uint64_t>(scaled, std::numeric_limits<std::uint32_t>::max()));
}

void read_mastering_display(ByteReader& reader, HdrMetadata& hdr) {
  MasteringDisplay display;
  // Red, green, blue, white here; green, blue, red, white there.
  for (const std::size_t place : {2, 0, 1, 3}) {
    display.chromaticity.at(2 * place) = chromaticity(reader.u16());
    display.chromaticity.at(2 * place + 1) = chromaticity(reader.u16());
  }
  display.max_luminance = luminance(reader.u32(), 8);
  display.min_luminance = luminance(reader.u32(), 14);
  if (reader.ok()) hdr.mastering = display;
}

}  // namespace

void read_av1_metadata(ByteView payload, Av1Metadata& metadata) {
  ByteReader reader(payload);
  const std::uint64_t type = read_leb128(reader);
  if (type == kT35) metadata.captions |= captions_in_t35(reader.rest());
  if (type == kMasteringDisplay) read_mastering_display(reader, metadata.hdr);
  if (type != kContentLight) return;
  ContentLight light;
  light.max_content = reader.u16();
  light.max_average = reader.u16();
  if (reader.ok()) metadata.hdr.light = light;
}

}  // namespace millrace::codecs
