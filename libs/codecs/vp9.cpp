#include "codecs/vp9.hpp"

#include <cstdio>

#include "base/bits.hpp"
#include "codecs/h264.hpp"

namespace millrace::codecs {
namespace {

constexpr std::size_t kRecordSize = 8;
constexpr std::size_t kFullBoxHeader = 4;
constexpr std::uint8_t kMaxProfile = 3;
constexpr std::uint32_t kFrameMarker = 2;
constexpr std::uint32_t kSyncCode = 0x498342;
constexpr std::uint32_t kColourSpaceRgb = 7;
// What a player is given where the encoder does not say: 1080p at 60 a second.
constexpr std::uint8_t kAssumedLevel = 41;

// Of the two forms the one with version 1 and no flags in front is longer than a record without
// initialization data, which VP9 has none of.
ByteView record_of(ByteView vpcc) {
  const bool full_box = vpcc.size() >= kFullBoxHeader + kRecordSize && vpcc[0] == 1 && vpcc[1] == 0 &&
                        vpcc[2] == 0 && vpcc[3] == 0;
  return full_box ? vpcc.subspan(kFullBoxHeader) : vpcc;
}

// VP9 7.2.2: what is in the frame of a key frame about colour. False when a reserved bit is set.
bool read_colour(BitReader& reader, Vp9FrameHeader& header) {
  if (header.profile >= 2) header.bit_depth = reader.bit() ? 12 : 10;
  const std::uint32_t space = reader.bits(3);
  const bool odd_profile = (header.profile & 1) != 0;
  if (space == kColourSpaceRgb) {
    header.chroma_subsampling = 3;
    return odd_profile && !reader.bit();
  }
  reader.bit();  // color_range
  if (!odd_profile) return true;
  const bool x = reader.bit();
  const bool y = reader.bit();
  header.chroma_subsampling = x ? (y ? 1 : 2) : 3;
  return !reader.bit();
}

}  // namespace

Result<Vp9Configuration> parse_vp9_configuration(ByteView vpcc) {
  ByteReader reader(record_of(vpcc));
  Vp9Configuration configuration;
  configuration.profile = reader.u8();
  configuration.level = reader.u8();
  const std::uint8_t flags = reader.u8();
  configuration.bit_depth = flags >> 4;
  configuration.chroma_subsampling = flags >> 1 & 7;
  configuration.colour.full_range = (flags & 1) != 0;
  configuration.colour.primaries = reader.u8();
  configuration.colour.transfer = reader.u8();
  configuration.colour.matrix = reader.u8();
  reader.skip(reader.u16());  // codec initialization data
  if (!reader.ok()) return fail("codecs.vp9_truncated", "the VP9 configuration record is cut off");
  const bool depth_valid =
      configuration.bit_depth == 8 || configuration.bit_depth == 10 || configuration.bit_depth == 12;
  if (configuration.profile > kMaxProfile || !depth_valid || configuration.chroma_subsampling > 3)
    return fail("codecs.vp9_invalid", "a value of the VP9 configuration record is reserved");
  return configuration;
}

Bytes vp9_configuration_box(const Vp9Configuration& configuration) {
  ByteWriter writer(kFullBoxHeader + kRecordSize);
  writer.u8(1);
  writer.u24(0);
  writer.u8(configuration.profile);
  writer.u8(configuration.level);
  writer.u8(static_cast<std::uint8_t>(configuration.bit_depth << 4 | configuration.chroma_subsampling << 1 |
                                      (configuration.colour.full_range ? 1 : 0)));
  writer.u8(configuration.colour.primaries);
  writer.u8(configuration.colour.transfer);
  writer.u8(configuration.colour.matrix);
  writer.u16(0);
  return writer.take();
}

Result<Vp9FrameHeader> parse_vp9_frame_header(ByteView sample) {
  BitReader reader(sample);
  Vp9FrameHeader header;
  const std::uint32_t marker = reader.bits(2);
  const std::uint32_t low = reader.bits(1);
  const std::uint32_t high = reader.bits(1);
  header.profile = static_cast<std::uint8_t>(high << 1 | low);
  bool valid = marker == kFrameMarker && !(header.profile == kMaxProfile && reader.bit());
  header.show_existing_frame = reader.bit();
  if (valid && reader.ok() && header.show_existing_frame) return header;
  header.key_frame = !reader.bit();
  header.show_frame = reader.bit();
  reader.bit();  // error_resilient_mode
  if (valid && header.key_frame) {
    valid = reader.bits(24) == kSyncCode && read_colour(reader, header);
    header.width = reader.bits(16) + 1;
    header.height = reader.bits(16) + 1;
  }
  if (!reader.ok()) return fail("codecs.vp9_truncated", "the VP9 frame header is cut off");
  if (!valid) return fail("codecs.vp9_invalid", "not a VP9 frame");
  if (header.width > kMaxDimension || header.height > kMaxDimension)
    return fail("codecs.vp9_dimensions", "the picture is too large");
  return header;
}

std::string codec_string(const Vp9Configuration& configuration) {
  char text[64];
  std::snprintf(text, sizeof text, "vp09.%02u.%02u.%02u", unsigned{configuration.profile},
                unsigned{configuration.level != 0 ? configuration.level : kAssumedLevel},
                unsigned{configuration.bit_depth});
  std::string result = text;
  // The optional part stands whole or not at all; left out it says 4:2:0, BT.709, limited range.
  const Colour& colour = configuration.colour;
  if (colour.primaries == 2 && configuration.chroma_subsampling < 2) return result;
  std::snprintf(text, sizeof text, ".%02u.%02u.%02u.%02u.%02u", unsigned{configuration.chroma_subsampling},
                unsigned{colour.primaries}, unsigned{colour.transfer}, unsigned{colour.matrix},
                colour.full_range ? 1U : 0U);
  return result + text;
}

}  // namespace millrace::codecs
