// How a picture's samples are to be understood: code points of ISO/IEC 23091-2 (ITU-T H.273), as H.264's and
// H.265's VUI, AV1's and VP9's configurations and MP4's colr box have them; and what HDR says besides: SMPTE
// ST 2086 and CTA-861.3, in the units of H.265's SEI and of MP4's boxes. Plain data.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

namespace millrace::codecs {

struct Colour {
  std::uint8_t primaries = 2;  // 2: unspecified
  std::uint8_t transfer = 2;
  std::uint8_t matrix = 2;
  bool full_range = false;

  bool operator==(const Colour&) const = default;
};

// The display that the pictures were mastered on.
struct MasteringDisplay {
  // x and y of green, blue, red and white, in 0.00002.
  std::array<std::uint16_t, 8> chromaticity{};
  std::uint32_t max_luminance = 0;  // 0.0001 cd/m2
  std::uint32_t min_luminance = 0;

  bool operator==(const MasteringDisplay&) const = default;
};

// cd/m2; 0: not known.
struct ContentLight {
  std::uint16_t max_content = 0;  // MaxCLL
  std::uint16_t max_average = 0;  // MaxFALL

  bool operator==(const ContentLight&) const = default;
};

struct HdrMetadata {
  std::optional<MasteringDisplay> mastering;
  std::optional<ContentLight> light;

  bool empty() const { return !mastering && !light; }
  // What other says and this does not.
  void fill_in(const HdrMetadata& other) {
    if (!mastering) mastering = other.mastering;
    if (!light) light = other.light;
  }
  bool operator==(const HdrMetadata&) const = default;
};

}  // namespace millrace::codecs
