// H.264: the decoder configuration record (avcC), the parts of a sequence parameter set that a server needs,
// and the NAL units of a length-prefixed sample. Pure functions; any thread; input is outside data and may
// hold anything.
//
// Specifications: ISO/IEC 14496-15 5.3.3.1 (avcC) and 5.3.4 (samples); ITU-T H.264 7.3.1, 7.3.2.1.1 and
// E.1.1.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.hpp"
#include "base/result.hpp"
#include "codecs/colour.hpp"

namespace millrace::codecs {

inline constexpr std::uint32_t kMaxDimension = 16'384;

enum NalType : std::uint8_t {
  kNalSlice = 1,
  kNalIdrSlice = 5,
  kNalSei = 6,
  kNalSequenceParameterSet = 7,
  kNalPictureParameterSet = 8,
  kNalAccessUnitDelimiter = 9,
};

struct SequenceParameterSet {
  std::uint8_t profile = 0;
  std::uint8_t compatibility = 0;  // constraint_set flags
  std::uint8_t level = 0;
  std::uint32_t id = 0;
  std::uint32_t chroma_format = 1;  // 0 monochrome, 1 4:2:0, 2 4:2:2, 3 4:4:4
  std::uint32_t width = 0;          // after cropping
  std::uint32_t height = 0;
  std::optional<double> fps;     // of the VUI; absent when not stated or not between 0 and 1000
  std::optional<Colour> colour;  // of the VUI
};

struct AvcConfiguration {
  std::uint8_t profile = 0;
  std::uint8_t compatibility = 0;
  std::uint8_t level = 0;
  std::uint8_t nal_length_size = 4;  // 1, 2 or 4
  std::vector<Bytes> sps;            // NAL units as they came, at least one
  std::vector<Bytes> pps;
  std::uint32_t width = 0;  // of the first SPS
  std::uint32_t height = 0;
  std::optional<double> fps;
  std::optional<Colour> colour;
};

// Refuses with "codecs.avc_truncated", "codecs.avc_version", "codecs.avc_nal_length_size",
// "codecs.avc_no_sps" and parse_sps's codes. The optional fields of the high profiles at the end of the
// record are not needed and not read.
Result<AvcConfiguration> parse_avc_configuration(ByteView avcc);

// nal: with its one-byte header, with emulation prevention. "codecs.sps_truncated", "codecs.sps_invalid",
// "codecs.sps_dimensions" (0 or more than kMaxDimension). A broken VUI only costs fps
// and colour.
Result<SequenceParameterSet> parse_sps(ByteView nal);

// RFC 6381: "avc1.64001f".
std::string codec_string(const AvcConfiguration& configuration);

// nal_unit_type; 0 (unspecified) for an empty unit.
inline std::uint8_t nal_type(ByteView nal) {
  return nal.empty() ? 0 : nal[0] & 0x1F;
}
inline bool is_idr(ByteView nal) {
  return nal_type(nal) == kNalIdrSlice;
}

// The unit's bytes without the 3 of each 0 0 3 (H.264 7.3.1).
Bytes strip_emulation_prevention(ByteView nal);

// Walks the NAL units of a sample in which each is preceded by its length. Never reads outside the sample,
// never gives an empty unit (encoders pad with zero lengths). Afterwards ok() says whether the lengths filled
// the sample exactly.
class NalReader {
 public:
  // length_size: 1, 2 or 4.
  NalReader(ByteView sample, unsigned length_size) : rest_(sample), length_size_(length_size) {}
  // The next unit; empty at the end or at the first wrong length.
  ByteView next();
  bool ok() const { return ok_; }

 private:
  ByteView rest_;
  unsigned length_size_;
  bool ok_ = true;
};

// Calls visit(ByteView nal) for each unit. "codecs.nal_length": a length passes the end; units before it were
// visited.
template <class Visitor>
Result<void> for_each_nal(ByteView sample, unsigned length_size, Visitor&& visit) {
  NalReader reader(sample, length_size);
  for (ByteView nal = reader.next(); !nal.empty(); nal = reader.next()) visit(nal);
  if (!reader.ok()) return fail("codecs.nal_length", "a NAL unit's length passes the end of its sample");
  return {};
}

}  // namespace millrace::codecs
