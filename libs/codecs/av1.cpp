#include "codecs/av1.hpp"

#include <cstdio>

#include "base/bits.hpp"
#include "codecs/leb128.hpp"

namespace millrace::codecs {
namespace {

constexpr std::uint8_t kMarkerAndVersion = 0x81;

struct Obu {
  std::uint8_t type = 0;
  ByteView whole;
  ByteView payload;
};

// AV1 5.3.1, 5.3.2. Takes the next OBU off rest; nullopt when its length is wrong.
std::optional<Obu> next_obu(ByteView& rest) {
  ByteReader reader(rest);
  const std::uint8_t header = reader.u8();
  if ((header & 0x80) != 0) return std::nullopt;  // obu_forbidden_bit
  Obu obu;
  obu.type = header >> 3 & 0x0F;
  if ((header & 0x04) != 0) reader.skip(1);  // extension: temporal and spatial layer
  const std::uint64_t size = (header & 0x02) != 0 ? read_leb128(reader) : reader.remaining();
  if (!reader.ok() || size > reader.remaining()) return std::nullopt;
  obu.payload = reader.take(static_cast<std::size_t>(size));
  obu.whole = rest.first(rest.size() - reader.remaining());
  rest = reader.rest();
  return obu;
}

tl::unexpected<Error> invalid_obu() {
  return fail("codecs.av1_invalid", "an OBU's length passes the end");
}

// Of the first frame (AV1 5.9.2): a key frame that is shown, so that decoding can begin.
bool begins_key_frame(ByteView payload, bool reduced_still_picture) {
  if (reduced_still_picture) return true;
  BitReader reader(payload);
  if (reader.bit()) return false;             // show_existing_frame
  const std::uint32_t type = reader.bits(2);  // frame_type
  const bool shown = reader.bit();            // show_frame
  return reader.ok() && type == 0 && shown;
}

}  // namespace

Result<Av1Configuration> parse_av1_configuration(ByteView av1c) {
  ByteReader reader(av1c);
  const std::uint8_t version = reader.u8();
  const std::uint8_t profile = reader.u8();
  const std::uint8_t flags = reader.u8();
  reader.skip(1);  // initial presentation delay
  if (!reader.ok()) return fail("codecs.av1_truncated", "the AV1 configuration record is cut off");
  if (version != kMarkerAndVersion)
    return fail("codecs.av1_version", "unknown version of the AV1 configuration record");
  Av1Configuration configuration;
  configuration.profile = profile >> 5;
  configuration.level = profile & 0x1F;
  configuration.high_tier = (flags & 0x80) != 0;
  configuration.bit_depth = (flags & 0x40) == 0 ? 8 : (flags & 0x20) != 0 ? 12 : 10;
  configuration.monochrome = (flags & 0x10) != 0;
  configuration.chroma_subsampling = flags >> 2 & 3;
  configuration.chroma_sample_position = flags & 3;
  if (configuration.profile > 2) return fail("codecs.av1_invalid", "reserved AV1 profile");
  Av1Metadata metadata;
  bool has_header = false;
  for (ByteView rest = reader.rest(); !rest.empty();) {
    const auto obu = next_obu(rest);
    if (!obu && has_header) break;
    if (!obu) return invalid_obu();
    if (obu->type == kObuMetadata) read_av1_metadata(obu->payload, metadata);
    if (obu->type != kObuSequenceHeader || has_header) continue;
    const auto header = parse_av1_sequence_header(obu->payload);
    if (!header) return tl::unexpected(header.error());
    configuration.width = header->width;
    configuration.height = header->height;
    configuration.fps = header->fps;
    configuration.colour = header->colour;
    has_header = true;
  }
  configuration.hdr = metadata.hdr;
  return configuration;
}

Bytes av1_configuration(const Av1SequenceHeader& header, ByteView sequence_header_obu) {
  ByteWriter writer(4 + sequence_header_obu.size());
  writer.u8(kMarkerAndVersion);
  writer.u8(static_cast<std::uint8_t>(header.profile << 5 | header.level));
  writer.u8(static_cast<std::uint8_t>((header.high_tier ? 0x80 : 0) | (header.bit_depth > 8 ? 0x40 : 0) |
                                      (header.bit_depth == 12 ? 0x20 : 0) | (header.monochrome ? 0x10 : 0) |
                                      header.chroma_subsampling << 2 | header.chroma_sample_position));
  writer.u8(0);
  writer.append(sequence_header_obu);
  return writer.take();
}

Result<Av1TemporalUnit> inspect_temporal_unit(ByteView sample) {
  Av1TemporalUnit unit;
  bool frame_seen = false;
  for (ByteView rest = sample; !rest.empty();) {
    const auto obu = next_obu(rest);
    if (!obu) return invalid_obu();
    ++unit.obus;
    if (obu->type == kObuMetadata) read_av1_metadata(obu->payload, unit.metadata);
    if (obu->type == kObuSequenceHeader && !unit.sequence_header) {
      const auto header = parse_av1_sequence_header(obu->payload);
      if (!header) return tl::unexpected(header.error());
      unit.sequence_header = *header;
      unit.sequence_header_obu = obu->whole;
    }
    if ((obu->type == kObuFrame || obu->type == kObuFrameHeader) && !frame_seen) {
      frame_seen = true;
      unit.key_frame =
          begins_key_frame(obu->payload, unit.sequence_header && unit.sequence_header->reduced_still_picture);
    }
  }
  return unit;
}

std::string codec_string(const Av1Configuration& configuration) {
  char text[64];
  std::snprintf(text, sizeof text, "av01.%u.%02u%c.%02u", unsigned{configuration.profile},
                unsigned{configuration.level}, configuration.high_tier ? 'H' : 'M',
                unsigned{configuration.bit_depth});
  std::string result = text;
  // The optional part stands whole or not at all; left out it says 4:2:0, BT.709, limited range.
  if (!configuration.colour || configuration.colour->primaries == 2) return result;
  std::snprintf(text, sizeof text, ".%u.%u%u%u.%02u.%02u.%02u.%u", configuration.monochrome ? 1U : 0U,
                configuration.chroma_subsampling >> 1 & 1U, configuration.chroma_subsampling & 1U,
                unsigned{configuration.chroma_sample_position}, unsigned{configuration.colour->primaries},
                unsigned{configuration.colour->transfer}, unsigned{configuration.colour->matrix},
                configuration.colour->full_range ? 1U : 0U);
  return result + text;
}

}  // namespace millrace::codecs
