// Enhanced RTMP's metadata frame of video: "colorInfo", an object that says how the pictures are to be shown.
// Pure; input is outside data and may hold anything.
//
// Specification: Veovera E-RTMP v2, "Metadata Frame".
//
//   "colorInfo" { colorConfig { bitDepth, colorPrimaries, transferCharacteristics, matrixCoefficients }
//                 hdrCll { maxFall, maxCLL }
//                 hdrMdcv { redX, redY, greenX, greenY, blueX, blueY, whitePointX, whitePointY,
//                           maxLuminance, minLuminance } }
#pragma once

#include <optional>

#include "base/bytes.hpp"
#include "codecs/colour.hpp"

namespace millrace::rtmp {

struct ColourInfo {
  std::optional<codecs::Colour> colour;
  codecs::HdrMetadata hdr;

  bool operator==(const ColourInfo&) const = default;
};

// payload: of the metadata frame, behind its FourCC. Nothing told: an empty object or Undefined, by which an
// encoder takes back what it said. nullopt: not AMF0, or about something else. A part with a number that is
// missing or out of range is left out.
std::optional<ColourInfo> parse_colour_info(ByteView payload);

}  // namespace millrace::rtmp
