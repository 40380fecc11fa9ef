#include "codecs/h265.hpp"

#include <cstdio>

#include "codecs/errors.hpp"
#include "codecs/h264.hpp"
#include "codecs/sei.hpp"

namespace millrace::codecs {
namespace {

void read_header(ByteReader& reader, HevcConfiguration& configuration) {
  const std::uint8_t profile = reader.u8();
  configuration.profile_space = profile >> 6;
  configuration.high_tier = (profile & 0x20) != 0;
  configuration.profile = profile & 0x1F;
  configuration.compatibility = reader.u32();
  for (std::uint8_t& byte : configuration.constraints) byte = reader.u8();
  configuration.level = reader.u8();
  // min_spatial_segmentation_idc, parallelismType, chroma format and bit depths (the SPS has them),
  // avgFrameRate
  reader.skip(2 + 1 + 1 + 1 + 1 + 2);
  configuration.nal_length_size = (reader.u8() & 3) + 1;
}

std::vector<Bytes>* sets_of(std::uint8_t type, HevcConfiguration& configuration) {
  switch (type) {
    case kHevcVideoParameterSet:
      return &configuration.vps;
    case kHevcSequenceParameterSet:
      return &configuration.sps;
    case kHevcPictureParameterSet:
      return &configuration.pps;
    default:
      return nullptr;
  }
}

// One array of NAL units of a type. False when a unit is not of that type.
bool read_array(ByteReader& reader, HevcConfiguration& configuration) {
  const std::uint8_t type = reader.u8() & 0x3F;
  std::vector<Bytes>* const sets = sets_of(type, configuration);
  const unsigned count = reader.u16();
  for (unsigned i = 0; i < count && reader.ok(); ++i) {
    const std::uint16_t size = reader.u16();
    const ByteView nal = reader.take(size);
    if (type == kHevcPrefixSei && reader.ok()) read_hdr(nal, kHevcNalHeader, configuration.hdr);
    if (sets == nullptr || !reader.ok()) continue;
    if (hevc_nal_type(nal) != type) return false;
    sets->emplace_back(nal.begin(), nal.end());
  }
  return true;
}

// General_profile_compatibility_flags with flag 0 as the lowest bit (annex E).
std::uint32_t reversed(std::uint32_t bits) {
  std::uint32_t result = 0;
  for (int i = 0; i < 32; ++i) result |= (bits >> i & 1U) << (31 - i);
  return result;
}

}  // namespace

Result<HevcConfiguration> parse_hevc_configuration(ByteView hvcc) {
  ByteReader reader(hvcc);
  HevcConfiguration configuration;
  const std::uint8_t version = reader.u8();
  read_header(reader, configuration);
  const unsigned arrays = reader.u8();
  if (!reader.ok()) return fail("codecs.hevc_truncated", "the HEVC configuration record is cut off");
  if (version != 1) return fail("codecs.hevc_version", "unknown version of the HEVC configuration record");
  if (configuration.nal_length_size == 3)
    return fail("codecs.hevc_nal_length_size", "NAL lengths of 3 bytes");
  for (unsigned i = 0; i < arrays; ++i) {
    if (!read_array(reader, configuration))
      return fail("codecs.sps_invalid", "wrong NAL unit type in the HEVC configuration record");
    if (!reader.ok()) return fail("codecs.hevc_truncated", "the HEVC configuration record is cut off");
  }
  if (configuration.sps.empty())
    return fail(codecs::errors::kHevcNoSps, "no sequence parameter set in the HEVC configuration record");
  const auto first = parse_hevc_sps(configuration.sps.front());
  if (!first) return tl::unexpected(first.error());
  configuration.chroma_format = first->chroma_format;
  configuration.bit_depth = first->bit_depth;
  configuration.width = first->width;
  configuration.height = first->height;
  configuration.fps = first->fps;
  configuration.colour = first->colour;
  return configuration;
}

std::string codec_string(const HevcConfiguration& configuration) {
  static constexpr const char* kSpaces[] = {"", "A", "B", "C"};
  char text[64];
  std::snprintf(text, sizeof text, "hvc1.%s%u.%X.%c%u", kSpaces[configuration.profile_space & 3],
                unsigned{configuration.profile}, reversed(configuration.compatibility),
                configuration.high_tier ? 'H' : 'L', unsigned{configuration.level});
  std::string result = text;
  std::size_t count = configuration.constraints.size();
  while (count > 0 && configuration.constraints[count - 1] == 0) --count;
  for (std::size_t i = 0; i < count; ++i) {
    std::snprintf(text, sizeof text, ".%X", unsigned{configuration.constraints[i]});
    result += text;
  }
  return result;
}

bool has_irap(ByteView sample, unsigned nal_length_size) {
  NalReader reader(sample, nal_length_size);
  for (ByteView nal = reader.next(); !nal.empty(); nal = reader.next()) {
    if (is_irap(nal)) return true;
  }
  return false;
}

}  // namespace millrace::codecs
