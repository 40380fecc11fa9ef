#include "codecs/h264.hpp"

#include <cstdio>

#include "codecs/errors.hpp"

namespace millrace::codecs {
namespace {

Result<std::vector<Bytes>> read_parameter_sets(ByteReader& reader, unsigned count, std::uint8_t type) {
  std::vector<Bytes> sets;
  for (unsigned i = 0; i < count; ++i) {
    const std::uint16_t size = reader.u16();
    const ByteView nal = reader.take(size);
    if (!reader.ok()) return fail("codecs.avc_truncated", "the AVC configuration record is cut off");
    if (nal_type(nal) != type)
      return fail("codecs.sps_invalid", "wrong NAL unit type in the AVC configuration record");
    sets.emplace_back(nal.begin(), nal.end());
  }
  return sets;
}

}  // namespace

Result<AvcConfiguration> parse_avc_configuration(ByteView avcc) {
  ByteReader reader(avcc);
  AvcConfiguration configuration;
  const std::uint8_t version = reader.u8();
  configuration.profile = reader.u8();
  configuration.compatibility = reader.u8();
  configuration.level = reader.u8();
  configuration.nal_length_size = (reader.u8() & 3) + 1;
  const unsigned sps_count = reader.u8() & 31;
  if (!reader.ok()) return fail("codecs.avc_truncated", "the AVC configuration record is cut off");
  if (version != 1) return fail("codecs.avc_version", "unknown version of the AVC configuration record");
  if (configuration.nal_length_size == 3) return fail("codecs.avc_nal_length_size", "NAL lengths of 3 bytes");
  if (sps_count == 0)
    return fail(codecs::errors::kAvcNoSps, "no sequence parameter set in the AVC configuration record");

  auto sps = read_parameter_sets(reader, sps_count, kNalSequenceParameterSet);
  if (!sps) return tl::unexpected(sps.error());
  const unsigned pps_count = reader.u8();
  auto pps = read_parameter_sets(reader, pps_count, kNalPictureParameterSet);
  if (!reader.ok()) return fail("codecs.avc_truncated", "the AVC configuration record is cut off");
  if (!pps) return tl::unexpected(pps.error());
  const auto first = parse_sps(sps->front());
  if (!first) return tl::unexpected(first.error());

  configuration.sps = std::move(*sps);
  configuration.pps = std::move(*pps);
  configuration.width = first->width;
  configuration.height = first->height;
  configuration.fps = first->fps;
  configuration.colour = first->colour;
  return configuration;
}

std::string codec_string(const AvcConfiguration& configuration) {
  char text[sizeof "avc1.000000"];
  std::snprintf(text, sizeof text, "avc1.%02x%02x%02x", configuration.profile, configuration.compatibility,
                configuration.level);
  return text;
}

Bytes strip_emulation_prevention(ByteView nal) {
  Bytes stripped;
  stripped.reserve(nal.size());
  unsigned zeros = 0;
  for (const std::uint8_t byte : nal) {
    if (zeros >= 2 && byte == 3) {
      zeros = 0;
      continue;
    }
    zeros = byte == 0 ? zeros + 1 : 0;
    stripped.push_back(byte);
  }
  return stripped;
}

ByteView NalReader::next() {
  while (ok_ && !rest_.empty()) {
    ByteReader reader(rest_);
    std::uint32_t length = 0;
    for (unsigned i = 0; i < length_size_; ++i) length = length << 8 | reader.u8();
    const ByteView nal = reader.take(length);
    ok_ = reader.ok();
    rest_ = reader.rest();
    if (!nal.empty()) return nal;
  }
  return {};
}

}  // namespace millrace::codecs
