#include "base/bits.hpp"
#include "codecs/h264.hpp"

namespace millrace::codecs {
namespace {

// Profiles whose parameter sets state chroma format, bit depth and scaling lists (H.264 7.3.2.1.1).
bool has_chroma_fields(std::uint8_t profile) {
  for (const std::uint8_t high : {100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135}) {
    if (profile == high) return true;
  }
  return false;
}

// H.264 7.3.2.1.1.1
void skip_scaling_list(BitReader& reader, unsigned size) {
  std::int64_t last = 8;
  std::int64_t next = 8;
  for (unsigned i = 0; i < size && reader.ok(); ++i) {
    if (next != 0) next = ((last + reader.se()) % 256 + 256) % 256;
    if (next != 0) last = next;
  }
}

struct Chroma {
  std::uint32_t format = 1;
  bool separate_planes = false;
};

Chroma read_chroma(BitReader& reader) {
  Chroma chroma;
  chroma.format = reader.ue();
  if (chroma.format == 3) chroma.separate_planes = reader.bit();
  reader.ue();   // bit_depth_luma_minus8
  reader.ue();   // bit_depth_chroma_minus8
  reader.bit();  // qpprime_y_zero_transform_bypass_flag
  if (!reader.bit()) return chroma;
  const unsigned lists = chroma.format == 3 ? 12 : 8;
  for (unsigned i = 0; i < lists; ++i) {
    if (reader.bit()) skip_scaling_list(reader, i < 6 ? 16 : 64);
  }
  return chroma;
}

// False when the cycle is longer than the specification has it.
bool skip_picture_order_count(BitReader& reader) {
  const std::uint32_t type = reader.ue();
  if (type == 0) reader.ue();
  if (type != 1) return type <= 2;
  reader.bit();
  reader.se();
  reader.se();
  const std::uint32_t cycle = reader.ue();
  if (cycle > 255) return false;
  for (std::uint32_t i = 0; i < cycle; ++i) reader.se();
  return true;
}

// H.264 E.1.1, up to the timing fields.
void read_vui(BitReader& reader, SequenceParameterSet& sps) {
  if (reader.bit() && reader.bits(8) == 255) reader.skip(32);  // sample aspect ratio
  if (reader.bit()) reader.bit();                              // overscan
  if (reader.bit()) {                                          // video signal type
    reader.skip(3);
    Colour colour;
    colour.full_range = reader.bit();
    if (reader.bit()) {
      colour.primaries = static_cast<std::uint8_t>(reader.bits(8));
      colour.transfer = static_cast<std::uint8_t>(reader.bits(8));
      colour.matrix = static_cast<std::uint8_t>(reader.bits(8));
    }
    if (reader.ok()) sps.colour = colour;
  }
  if (reader.bit()) {  // chroma sample location
    reader.ue();
    reader.ue();
  }
  if (!reader.bit()) return;
  const double units_in_tick = reader.bits(32);
  const double time_scale = reader.bits(32);
  if (!reader.ok() || units_in_tick == 0) return;
  const double fps = time_scale / (2 * units_in_tick);  // a tick is a field
  if (fps > 0 && fps <= 1000) sps.fps = fps;
}

// Frame size in luma samples: macroblocks of 16, less the cropping rectangle in chroma units
// (H.264 7.4.2.1.1).
bool read_dimensions(BitReader& reader, const Chroma& chroma, SequenceParameterSet& sps) {
  const std::uint64_t width = (std::uint64_t{reader.ue()} + 1) * 16;
  const std::uint64_t map_units = std::uint64_t{reader.ue()} + 1;
  const bool frames_only = reader.bit();
  const std::uint64_t height = map_units * (frames_only ? 16 : 32);
  if (!frames_only) reader.bit();  // mb_adaptive_frame_field_flag
  reader.bit();                    // direct_8x8_inference_flag
  std::uint64_t crop_x = 0;
  std::uint64_t crop_y = 0;
  if (reader.bit()) {
    const bool subsampled = !chroma.separate_planes;
    const std::uint64_t unit_x = subsampled && (chroma.format == 1 || chroma.format == 2) ? 2 : 1;
    const std::uint64_t unit_y = (subsampled && chroma.format == 1 ? 2U : 1U) * (frames_only ? 1ULL : 2ULL);
    crop_x = unit_x * reader.ue();
    crop_x += unit_x * reader.ue();
    crop_y = unit_y * reader.ue();
    crop_y += unit_y * reader.ue();
  }
  if (crop_x >= width || crop_y >= height || width - crop_x > kMaxDimension ||
      height - crop_y > kMaxDimension) {
    return false;
  }
  sps.width = static_cast<std::uint32_t>(width - crop_x);
  sps.height = static_cast<std::uint32_t>(height - crop_y);
  return true;
}

}  // namespace

Result<SequenceParameterSet> parse_sps(ByteView nal) {
  if (nal_type(nal) != kNalSequenceParameterSet)
    return fail("codecs.sps_invalid", "not a sequence parameter set");
  const Bytes stripped = strip_emulation_prevention(nal.subspan(1));
  BitReader reader(stripped);
  SequenceParameterSet sps;
  sps.profile = static_cast<std::uint8_t>(reader.bits(8));
  sps.compatibility = static_cast<std::uint8_t>(reader.bits(8));
  sps.level = static_cast<std::uint8_t>(reader.bits(8));
  sps.id = reader.ue();
  Chroma chroma;
  if (has_chroma_fields(sps.profile)) chroma = read_chroma(reader);
  sps.chroma_format = chroma.format;
  reader.ue();  // log2_max_frame_num_minus4
  const bool order_valid = skip_picture_order_count(reader);
  reader.ue();   // max_num_ref_frames
  reader.bit();  // gaps_in_frame_num_value_allowed_flag
  const bool dimensions_valid = read_dimensions(reader, chroma, sps);
  const bool vui = reader.bit();
  if (!reader.ok()) return fail("codecs.sps_truncated", "the sequence parameter set is cut off");
  if (sps.id > 31 || chroma.format > 3 || !order_valid) {
    return fail("codecs.sps_invalid", "a value of the sequence parameter set is out of range");
  }
  if (!dimensions_valid) return fail("codecs.sps_dimensions", "the picture has no size or is too large");
  if (vui) read_vui(reader, sps);
  return sps;
}

}  // namespace millrace::codecs
