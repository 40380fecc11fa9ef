// AC-3 and Enhanced AC-3: the syncframe's header, and the boxes that describe a track in MP4. These codecs
// have no configuration of their own; a track is described by its first sample. Pure functions; any thread;
// input is outside data and may hold anything.
//
// Specification: ETSI TS 102 366 4.3, 4.4 (AC-3 syncframe), E.1.2 (Enhanced AC-3), F.4 (dac3), F.6 (dec3).
#pragma once

#include <cstdint>
#include <string>

#include "base/bytes.hpp"
#include "base/result.hpp"

namespace millrace::codecs {

struct Ac3Configuration {
  std::uint8_t sample_rate_code = 0;  // fscod
  std::uint8_t bsid = 0;
  std::uint8_t bsmod = 0;
  std::uint8_t acmod = 0;
  bool lfe = false;
  std::uint8_t bit_rate_code = 0;  // AC-3: frmsizecod without its last bit
  std::uint16_t data_rate_kbps = 0;
  // Enhanced AC-3: the substreams that belong to the first independent one, and the channels they add.
  std::uint8_t dependent_substreams = 0;
  std::uint16_t channel_locations = 0;  // chan_loc of dec3
  std::uint32_t sample_rate = 0;
  std::uint32_t channels = 0;
  // Of the sample that was parsed, all its blocks; parsed from a box: a whole frame's 1536.
  std::uint32_t samples_per_frame = 1536;
};

// A sample with one AC-3 syncframe. "codecs.ac3_truncated", "codecs.ac3_sync" (no syncword, or the other of
// the two codecs), "codecs.ac3_invalid" (a code that is reserved).
Result<Ac3Configuration> parse_ac3_frame(ByteView sample);
// A sample with one or more Enhanced AC-3 syncframes: blocks of the first independent substream are counted,
// its dependent ones are noted. Codes as above; halved sample rates are refused too (dec3
// cannot distinguish them).
Result<Ac3Configuration> parse_eac3_frame(ByteView sample);

// The payloads of MP4's dac3 and dec3, and back. "codecs.ac3_truncated", "codecs.ac3_invalid".
Bytes ac3_specific_box(const Ac3Configuration& configuration);
Bytes eac3_specific_box(const Ac3Configuration& configuration);
Result<Ac3Configuration> parse_ac3_specific_box(ByteView dac3);
Result<Ac3Configuration> parse_eac3_specific_box(ByteView dec3);

inline std::string ac3_codec_string() {
  return "ac-3";
}
inline std::string eac3_codec_string() {
  return "ec-3";
}

}  // namespace millrace::codecs
