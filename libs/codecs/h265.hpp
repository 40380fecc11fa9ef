// H.265: the decoder configuration record (hvcC), the parts of a sequence parameter set that a server needs,
// and what kind of picture a length-prefixed sample holds. Pure functions; any thread; input is outside data
// and may hold anything. NAL units are walked with h264.hpp's NalReader: samples have the same form.
//
// Specifications: ISO/IEC 14496-15 8.3.3.1 (hvcC), annex E (codec string); ITU-T H.265 7.3.1.2, 7.3.2.2,
// 7.3.3, E.2.1.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.hpp"
#include "base/result.hpp"
#include "codecs/colour.hpp"

namespace millrace::codecs {

enum HevcNalType : std::uint8_t {
  kHevcBlaWLp = 16,  // first of the intra random access point pictures
  kHevcIdrWRadl = 19,
  kHevcIdrNLp = 20,
  kHevcCra = 21,
  kHevcLastIrap = 23,
  kHevcVideoParameterSet = 32,
  kHevcSequenceParameterSet = 33,
  kHevcPictureParameterSet = 34,
  kHevcPrefixSei = 39,
};

struct HevcSequenceParameterSet {
  std::uint32_t id = 0;
  std::uint32_t chroma_format = 1;  // 0 monochrome, 1 4:2:0, 2 4:2:2, 3 4:4:4
  std::uint32_t width = 0;          // after the conformance window
  std::uint32_t height = 0;
  std::uint32_t bit_depth = 8;   // luma
  std::optional<double> fps;     // of the VUI; absent when not stated or not between 0 and 1000
  std::optional<Colour> colour;  // of the VUI
};

struct HevcConfiguration {
  std::uint8_t profile_space = 0;
  bool high_tier = false;
  std::uint8_t profile = 0;
  std::uint32_t compatibility = 0;            // general_profile_compatibility_flags, flag 0 on top
  std::array<std::uint8_t, 6> constraints{};  // general_constraint_indicator_flags
  std::uint8_t level = 0;                     // general_level_idc: 30 times the level
  std::uint8_t nal_length_size = 4;           // 1, 2 or 4
  std::vector<Bytes> vps;                     // NAL units as they came
  std::vector<Bytes> sps;                     // at least one
  std::vector<Bytes> pps;
  std::uint32_t chroma_format = 1;  // from here on: of the first SPS
  std::uint32_t bit_depth = 8;
  std::uint32_t width = 0;
  std::uint32_t height = 0;
  std::optional<double> fps;
  std::optional<Colour> colour;
  HdrMetadata hdr;  // of the SEI messages in the record
};

// Refuses with "codecs.hevc_truncated", "codecs.hevc_version", "codecs.hevc_nal_length_size",
// "codecs.hevc_no_sps" (what MP4's hvc1 needs must be in the record) and parse_hevc_sps's codes. Arrays of
// other NAL units are passed over.
Result<HevcConfiguration> parse_hevc_configuration(ByteView hvcc);

// nal: with its two-byte header, with emulation prevention. "codecs.sps_truncated", "codecs.sps_invalid",
// "codecs.sps_dimensions" (0 or more than kMaxDimension). What is wrong behind the dimensions only costs fps
// and colour.
Result<HevcSequenceParameterSet> parse_hevc_sps(ByteView nal);

// ISO/IEC 14496-15 annex E: "hvc1.1.6.L93.B0".
std::string codec_string(const HevcConfiguration& configuration);

// nal_unit_type; 63 (unspecified) for an empty unit.
inline std::uint8_t hevc_nal_type(ByteView nal) {
  return nal.empty() ? 63 : nal[0] >> 1 & 0x3F;
}
// Of an intra random access point picture: decoding can begin there (BLA, IDR, CRA).
inline bool is_irap(ByteView nal) {
  return hevc_nal_type(nal) >= kHevcBlaWLp && hevc_nal_type(nal) <= kHevcLastIrap;
}
inline bool is_hevc_idr(ByteView nal) {
  return hevc_nal_type(nal) == kHevcIdrWRadl || hevc_nal_type(nal) == kHevcIdrNLp;
}
// Of a picture from which on everything that is shown can be decoded: IDR or BLA. Pictures that follow a CRA
// and are shown before it may need what was before.
inline bool is_hevc_sync(ByteView nal) {
  return hevc_nal_type(nal) >= kHevcBlaWLp && hevc_nal_type(nal) <= kHevcIdrNLp;
}
// A unit of the sample is. A sample with wrong lengths is examined up to the wrong one.
bool has_irap(ByteView sample, unsigned nal_length_size);

}  // namespace millrace::codecs
