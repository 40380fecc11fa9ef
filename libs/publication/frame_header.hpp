// What a writer must know of a coded frame before it goes into the log. Pure; looks at headers only.
#pragma once

#include <cstdint>

#include "base/bytes.hpp"
#include "codecs/colour.hpp"
#include "media/sample.hpp"

namespace millrace::publication {

// Whether decoding can begin at a frame.
enum class FrameAccess : std::uint8_t {
  kNone,
  kAsTagged,  // a picture for itself, but what follows may refer to earlier ones: as its tag says
  kRefresh,   // whole pictures come after a while: intra refresh
  kRecovery,  // an I picture, and all that is shown after it can be decoded: open GOP
  kSync,
};

// How the payload is, against what the log and players have.
enum class FrameForm : std::uint8_t {
  kPlain,
  kStartCodes,  // NAL units behind start codes, not lengths
  kEmptyUnits,  // NAL units of length 0 between the others
  kAdts,        // AAC frames in ADTS, not exactly one
};

struct FrameHeader {
  bool usable = false;  // it is a frame of its codec in its plain form, as far as can be seen
  FrameForm form = FrameForm::kPlain;
  FrameAccess access = FrameAccess::kNone;  // video
  bool parameter_sets = false;              // video: it has some, or a sequence header (AV1)
  std::uint32_t skip = 0;                   // of the payload's front that is no part of the frame: ADTS
  std::uint32_t samples = 0;                // audio: how long it lasts; 0: not stated
  std::uint32_t width = 0;                  // VP9: of the pictures from here on; 0: not stated
  std::uint32_t height = 0;
  std::uint32_t sample_rate = 0;  // audio: 0: not stated
  std::uint32_t channels = 0;
  codecs::HdrMetadata hdr;    // video: of the messages beside the picture
  std::uint8_t captions = 0;  // video: codecs::Captions
};

// nal_length_size: of the track's configuration; H.264 and H.265.
FrameHeader read_frame_header(media::Codec codec, ByteView payload, unsigned nal_length_size);

}  // namespace millrace::publication
