#include "avc_in_band.hpp"

namespace millrace::ingest {

InBandParameters in_band_parameters(ByteView sample, unsigned nal_length_size) {
  constexpr std::size_t kMaxPps = 255;
  InBandParameters found;
  codecs::NalReader reader(sample, nal_length_size);
  for (ByteView nal = reader.next(); !nal.empty(); nal = reader.next()) {
    const std::uint8_t type = codecs::nal_type(nal);
    if (type == codecs::kNalSequenceParameterSet && found.sps.empty()) found.sps = nal;
    if (type == codecs::kNalPictureParameterSet && found.pps.size() < kMaxPps) found.pps.push_back(nal);
  }
  return found;
}

Bytes avc_configuration(const InBandParameters& parameters, unsigned nal_length_size) {
  constexpr std::uint8_t kHighProfile = 100;
  constexpr std::size_t kMaxSize = 0xFFFF;
  if (parameters.sps.empty() || parameters.sps.size() > kMaxSize || parameters.pps.empty()) return {};
  const Result<codecs::SequenceParameterSet> sps = codecs::parse_sps(parameters.sps);
  if (!sps) return {};
  ByteWriter out;
  out.u8(1);
  out.u8(sps->profile);
  out.u8(sps->compatibility);
  out.u8(sps->level);
  out.u8(static_cast<std::uint8_t>(0xFC | (nal_length_size - 1)));
  out.u8(0xE1);
  out.u16(static_cast<std::uint16_t>(parameters.sps.size()));
  out.append(parameters.sps);
  out.u8(static_cast<std::uint8_t>(parameters.pps.size()));
  for (const ByteView pps : parameters.pps) {
    if (pps.size() > kMaxSize) return {};
    out.u16(static_cast<std::uint16_t>(pps.size()));
    out.append(pps);
  }
  // The profiles above it have their depth told by the SPS alone; readers do without.
  if (sps->profile == kHighProfile) {
    out.u8(static_cast<std::uint8_t>(0xFC | sps->chroma_format));
    out.u8(0xF8);  // 8 bits
    out.u8(0xF8);
    out.u8(0);
  }
  return out.take();
}

}  // namespace millrace::ingest
