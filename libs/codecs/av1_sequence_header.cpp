#include "base/bits.hpp"
#include "codecs/av1.hpp"
#include "codecs/h264.hpp"

namespace millrace::codecs {
namespace {

constexpr std::uint32_t kSelectScreenContentTools = 2;
constexpr std::uint32_t kFirstLevelWithTiers = 8;
constexpr std::uint8_t kSrgbPrimaries = 1, kSrgbTransfer = 13, kIdentityMatrix = 0;

// AV1 4.10.3: the same code as Exp-Golomb's, which may also be 32 zeros long.
void skip_uvlc(BitReader& reader) {
  unsigned zeros = 0;
  while (zeros < 32 && reader.ok() && !reader.bit()) ++zeros;
  if (zeros < 32) reader.skip(zeros);
}

struct DecoderModel {
  bool present = false;
  std::uint32_t delay_bits = 0;
};

// AV1 5.5.1 timing_info, decoder_model_info.
DecoderModel read_timing(BitReader& reader, Av1SequenceHeader& header) {
  DecoderModel model;
  if (!reader.bit()) return model;
  const double units_in_tick = reader.bits(32);
  const double time_scale = reader.bits(32);
  if (reader.bit()) {  // equal_picture_interval; a picture lasts one tick or more
    BitReader copy = reader;
    const bool one_tick = copy.bit();
    skip_uvlc(reader);
    const double fps = units_in_tick == 0 ? 0 : time_scale / units_in_tick;
    if (one_tick && fps > 0 && fps <= 1000) header.fps = fps;
  }
  model.present = reader.bit();
  if (!model.present) return model;
  model.delay_bits = reader.bits(5) + 1;
  reader.skip(32 + 5 + 5);
  return model;
}

void read_operating_points(BitReader& reader, const DecoderModel& model, Av1SequenceHeader& header) {
  const bool display_delay = reader.bit();
  const std::uint32_t points = reader.bits(5) + 1;
  for (std::uint32_t i = 0; i < points; ++i) {
    reader.skip(12);  // operating_point_idc
    const std::uint32_t level = reader.bits(5);
    const bool high_tier = level >= kFirstLevelWithTiers && reader.bit();
    if (model.present && reader.bit()) reader.skip(2 * std::size_t{model.delay_bits} + 1);
    if (display_delay && reader.bit()) reader.skip(4);
    if (i != 0) continue;
    header.level = static_cast<std::uint8_t>(level);
    header.high_tier = high_tier;
  }
}

// From frame_id_numbers on up to color_config.
void skip_coding_tools(BitReader& reader, bool reduced) {
  if (!reduced && reader.bit()) reader.skip(4 + 3);  // frame id lengths
  reader.skip(3);                                    // 128x128 superblocks, filter intra, intra edge filter
  if (!reduced) {
    reader.skip(4);  // interintra, masked compound, warped motion, dual filter
    const bool order_hint = reader.bit();
    if (order_hint) reader.skip(2);  // joint compound, reference frame motion vectors
    const std::uint32_t screen_content = reader.bit() ? kSelectScreenContentTools : reader.bits(1);
    if (screen_content > 0 && !reader.bit()) reader.bit();  // seq_force_integer_mv
    if (order_hint) reader.skip(3);
  }
  reader.skip(3);  // superres, cdef, restoration
}

// The end of color_config: what stands in av1C too.
void read_subsampling(BitReader& reader, bool srgb, Av1SequenceHeader& header) {
  bool x = true;
  bool y = true;
  if (header.monochrome) {
    header.chroma_subsampling = 3;
    return;
  }
  if (srgb || header.profile == 1) {
    x = y = false;
  } else if (header.profile == 2 && header.bit_depth == 12) {
    x = reader.bit();
    y = x && reader.bit();
  } else if (header.profile == 2) {
    y = false;
  }
  header.chroma_subsampling = static_cast<std::uint8_t>((x ? 2 : 0) | (y ? 1 : 0));
  if (x && y) header.chroma_sample_position = static_cast<std::uint8_t>(reader.bits(2));
}

// AV1 5.5.2
void read_colour(BitReader& reader, Av1SequenceHeader& header) {
  const bool high_depth = reader.bit();
  const bool twelve = header.profile == 2 && high_depth && reader.bit();
  header.bit_depth = static_cast<std::uint8_t>(!high_depth ? 8 : twelve ? 12 : 10);
  header.monochrome = header.profile != 1 && reader.bit();
  Colour colour;
  if (reader.bit()) {
    colour.primaries = static_cast<std::uint8_t>(reader.bits(8));
    colour.transfer = static_cast<std::uint8_t>(reader.bits(8));
    colour.matrix = static_cast<std::uint8_t>(reader.bits(8));
  }
  const bool srgb = !header.monochrome && colour.primaries == kSrgbPrimaries &&
                    colour.transfer == kSrgbTransfer && colour.matrix == kIdentityMatrix;
  colour.full_range = srgb || reader.bit();
  header.colour = colour;
  read_subsampling(reader, srgb, header);
}

}  // namespace

Result<Av1SequenceHeader> parse_av1_sequence_header(ByteView payload) {
  BitReader reader(payload);
  Av1SequenceHeader header;
  header.profile = static_cast<std::uint8_t>(reader.bits(3));
  reader.bit();  // still_picture
  header.reduced_still_picture = reader.bit();
  if (header.reduced_still_picture) {
    header.level = static_cast<std::uint8_t>(reader.bits(5));
  } else {
    const DecoderModel model = read_timing(reader, header);
    read_operating_points(reader, model, header);
  }
  const std::uint32_t width_bits = reader.bits(4) + 1;
  const std::uint32_t height_bits = reader.bits(4) + 1;
  header.width = reader.bits(width_bits) + 1;
  header.height = reader.bits(height_bits) + 1;
  skip_coding_tools(reader, header.reduced_still_picture);
  read_colour(reader, header);
  if (!reader.ok()) return fail("codecs.av1_truncated", "the AV1 sequence header is cut off");
  if (header.profile > 2) return fail("codecs.av1_invalid", "reserved AV1 profile");
  if (header.width > kMaxDimension || header.height > kMaxDimension)
    return fail("codecs.av1_dimensions", "the picture is too large");
  return header;
}

}  // namespace millrace::codecs
