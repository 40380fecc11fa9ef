#include <algorithm>
#include <array>

#include "base/bits.hpp"
#include "codecs/h264.hpp"
#include "codecs/h265.hpp"

namespace millrace::codecs {
namespace {

constexpr std::uint32_t kMaxSubLayers = 7;
constexpr std::uint32_t kMaxShortTermSets = 64;
constexpr std::uint32_t kMaxLongTermPictures = 32;
constexpr std::uint32_t kMaxDeltaPictures = 16;
constexpr std::uint32_t kExtendedAspectRatio = 255;

// H.265 7.3.3, with profilePresentFlag 1.
void skip_profile_tier_level(BitReader& reader, std::uint32_t sub_layers_minus1) {
  reader.skip(88 + 8);  // general profile and level
  std::array<bool, kMaxSubLayers> profile{};
  std::array<bool, kMaxSubLayers> level{};
  for (std::uint32_t i = 0; i < sub_layers_minus1; ++i) {
    profile[i] = reader.bit();
    level[i] = reader.bit();
  }
  if (sub_layers_minus1 > 0) reader.skip(2 * (8 - std::size_t{sub_layers_minus1}));
  for (std::uint32_t i = 0; i < sub_layers_minus1; ++i) {
    if (profile[i]) reader.skip(88);
    if (level[i]) reader.skip(8);
  }
}

// Width and height less the conformance window, which counts in chroma samples (7.4.3.2.1).
bool read_dimensions(BitReader& reader, bool separate_planes, HevcSequenceParameterSet& sps) {
  const std::uint64_t width = reader.ue();
  const std::uint64_t height = reader.ue();
  std::uint64_t crop_x = 0;
  std::uint64_t crop_y = 0;
  if (reader.bit()) {
    const bool subsampled = !separate_planes;
    const std::uint64_t unit_x = subsampled && (sps.chroma_format == 1 || sps.chroma_format == 2) ? 2 : 1;
    const std::uint64_t unit_y = subsampled && sps.chroma_format == 1 ? 2 : 1;
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

// H.265 7.3.4
void skip_scaling_lists(BitReader& reader) {
  for (unsigned size = 0; size < 4; ++size) {
    for (unsigned matrix = 0; matrix < 6 && reader.ok(); matrix += size == 3 ? 3 : 1) {
      if (!reader.bit()) {
        reader.ue();  // predicted from another list
        continue;
      }
      if (size > 1) reader.se();  // the DC coefficient
      const unsigned coefficients = std::min(64U, 1U << (4 + 2 * size));
      for (unsigned i = 0; i < coefficients; ++i) reader.se();
    }
  }
}

// H.265 7.3.7. before: pictures of the set before this one; becomes this one's. False when out of range.
bool skip_short_term_set(BitReader& reader, std::uint32_t index, std::uint32_t& before) {
  if (index != 0 && reader.bit()) {  // predicted from the set before
    reader.bit();                    // delta_rps_sign
    reader.ue();                     // abs_delta_rps_minus1
    std::uint32_t pictures = 0;
    for (std::uint32_t i = 0; i <= before; ++i) {
      const bool used = reader.bit();
      const bool use_delta = used || reader.bit();
      if (use_delta) ++pictures;
    }
    before = pictures;
    return before <= kMaxDeltaPictures;
  }
  const std::uint32_t negative = reader.ue();
  const std::uint32_t positive = reader.ue();
  if (negative > kMaxDeltaPictures || positive > kMaxDeltaPictures) return false;
  for (std::uint32_t i = 0; i < negative + positive; ++i) {
    reader.ue();
    reader.bit();
  }
  before = negative + positive;
  return before <= kMaxDeltaPictures;
}

// From bit depths on up to the flag that announces the VUI. False when there is none to be read.
bool skip_to_vui(BitReader& reader, std::uint32_t sub_layers_minus1) {
  const std::uint32_t poc_bits = reader.ue() + 4;
  if (poc_bits > 16) return false;
  const std::uint32_t first = reader.bit() ? 0 : sub_layers_minus1;
  for (std::uint32_t i = first; i <= sub_layers_minus1; ++i) {
    for (int field = 0; field < 3; ++field) reader.ue();
  }
  for (int field = 0; field < 6; ++field) reader.ue();  // block sizes, transform hierarchy depths
  if (reader.bit() && reader.bit()) skip_scaling_lists(reader);
  reader.skip(2);      // asymmetric motion partitions, sample adaptive offset
  if (reader.bit()) {  // PCM
    reader.skip(8);
    reader.ue();
    reader.ue();
    reader.bit();
  }
  const std::uint32_t sets = reader.ue();
  if (sets > kMaxShortTermSets) return false;
  std::uint32_t before = 0;
  for (std::uint32_t i = 0; i < sets; ++i) {
    if (!reader.ok() || !skip_short_term_set(reader, i, before)) return false;
  }
  if (reader.bit()) {  // long-term reference pictures
    const std::uint32_t pictures = reader.ue();
    if (pictures > kMaxLongTermPictures) return false;
    reader.skip(std::size_t{pictures} * (poc_bits + 1));
  }
  reader.skip(2);  // temporal motion vector prediction, strong intra smoothing
  return reader.bit() && reader.ok();
}

// H.265 E.2.1, up to the timing fields.
void read_vui(BitReader& reader, HevcSequenceParameterSet& sps) {
  if (reader.bit() && reader.bits(8) == kExtendedAspectRatio) reader.skip(32);
  if (reader.bit()) reader.bit();  // overscan
  if (reader.bit()) {              // video signal type
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
  reader.skip(3);      // neutral chroma, field sequence, frame and field information
  if (reader.bit()) {  // default display window
    for (int field = 0; field < 4; ++field) reader.ue();
  }
  if (!reader.bit()) return;
  const double units_in_tick = reader.bits(32);
  const double time_scale = reader.bits(32);
  if (!reader.ok() || units_in_tick == 0) return;
  const double fps = time_scale / units_in_tick;
  if (fps > 0 && fps <= 1000) sps.fps = fps;
}

}  // namespace

Result<HevcSequenceParameterSet> parse_hevc_sps(ByteView nal) {
  if (nal.size() < 2 || hevc_nal_type(nal) != kHevcSequenceParameterSet)
    return fail("codecs.sps_invalid", "not a sequence parameter set");
  const Bytes stripped = strip_emulation_prevention(nal.subspan(2));
  BitReader reader(stripped);
  HevcSequenceParameterSet sps;
  reader.skip(4);  // sps_video_parameter_set_id
  const std::uint32_t sub_layers_minus1 = reader.bits(3);
  reader.bit();  // temporal_id_nesting
  if (sub_layers_minus1 >= kMaxSubLayers)
    return fail("codecs.sps_invalid", "a value of the sequence parameter set is out of range");
  skip_profile_tier_level(reader, sub_layers_minus1);
  sps.id = reader.ue();
  sps.chroma_format = reader.ue();
  const bool separate_planes = sps.chroma_format == 3 && reader.bit();
  const bool dimensions_valid = read_dimensions(reader, separate_planes, sps);
  const std::uint32_t luma_depth = reader.ue() + 8;
  const std::uint32_t chroma_depth = reader.ue() + 8;
  if (!reader.ok()) return fail("codecs.sps_truncated", "the sequence parameter set is cut off");
  if (sps.id > 15 || sps.chroma_format > 3 || luma_depth > 16 || chroma_depth > 16)
    return fail("codecs.sps_invalid", "a value of the sequence parameter set is out of range");
  if (!dimensions_valid) return fail("codecs.sps_dimensions", "the picture has no size or is too large");
  sps.bit_depth = luma_depth;
  if (skip_to_vui(reader, sub_layers_minus1)) read_vui(reader, sps);
  return sps;
}

}  // namespace millrace::codecs
