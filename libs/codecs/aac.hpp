// AAC: the AudioSpecificConfig. A pure function; any thread; input is outside data and may hold anything.
//
// Specification: ISO/IEC 14496-3 1.6.2.1 (AudioSpecificConfig), 1.6.5 (signalling of SBR and PS), 4.4.1
// (GASpecificConfig), 4.5.1.1 (program_config_element).
#pragma once

#include <cstdint>
#include <string>

#include "base/bytes.hpp"
#include "base/result.hpp"

namespace millrace::codecs {

struct AudioSpecificConfig {
  std::uint8_t object_type = 0;  // of the core: 1 Main, 2 LC, 3 SSR, 4 LTP
  // Of the core: a frame lasts frame_length / sample_rate seconds, with SBR too.
  std::uint32_t sample_rate = 0;
  std::uint32_t channels = 0;         // of the core: parametric stereo makes two of one
  std::uint32_t frame_length = 1024;  // or 960
  // Signalled explicitly, either by object type 5 or 29 in front (hierarchical) or by the extension behind
  // the core's configuration (backward compatible). Implicit SBR is visible in the frames only; see
  // implicit_sbr_possible.
  bool sbr = false;
  bool ps = false;
  std::uint32_t extension_sample_rate = 0;  // with SBR; else 0
  // Nothing is said about SBR and the rate is low enough for it: the output rate may be twice sample_rate.
  bool implicit_sbr_possible = false;
  std::uint8_t channel_configuration = 0;  // table 1.19; 0: a program_config_element says what they are
  // Nothing is said about parametric stereo, and there is SBR or may be, with one channel of LC: the output
  // may be stereo.
  bool implicit_ps_possible = false;
};

// "codecs.aac_truncated", "codecs.aac_object_type" (not AAC Main, LC, SSR or LTP with or without SBR and PS),
// "codecs.aac_sample_rate" (reserved, or outside 7350 to 192000), "codecs.aac_channels".
Result<AudioSpecificConfig> parse_audio_specific_config(ByteView asc);

// Does the same come of the same frames (1.6.5)? SBR to twice the core's rate and parametric stereo that one
// signals and the other leaves to the frames are no difference. One that says that there is none is another
// than one that leaves it to the frames: of frames that have it the first makes nothing. False where channels
// are told by program_config_elements.
bool decode_alike(const AudioSpecificConfig& a, const AudioSpecificConfig& b);

// RFC 6381: "mp4a.40.2", "mp4a.40.5" with SBR, "mp4a.40.29" with parametric stereo.
std::string codec_string(const AudioSpecificConfig& config);

}  // namespace millrace::codecs
