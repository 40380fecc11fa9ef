// How a picture's samples are to be understood: code points of ISO/IEC 23091-2 (ITU-T H.273), as H.265's VUI,
// AV1's and VP9's configurations and MP4's colr box have them. Plain data.
#pragma once

#include <cstdint>

namespace millrace::codecs {

struct Colour {
  std::uint8_t primaries = 2;  // 2: unspecified
  std::uint8_t transfer = 2;
  std::uint8_t matrix = 2;
  bool full_range = false;

  bool operator==(const Colour&) const = default;
};

}  // namespace millrace::codecs
