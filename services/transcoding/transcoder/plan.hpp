// Which renditions are made of a source, with everything that is announced of them before the first picture
// is encoded. Pure: of the same source, ladder and caps comes the same plan, so a successor makes what its
// predecessor made.
//
//  - Never above the source in height, frame rate or bit rate: no rendition gets more bits than the source
//    has for a picture of that size, and one that would be the source again is left out.
//  - The aspect is kept, pixels become square, sizes are even. A rung's height is that of the shorter side.
//  - Of frame rates above the rung's every second, third, … picture is left out.
//  - HDR becomes BT.709; other colours stay.
//  - Level, codec string and reference frames follow from size, frame rate and bit rate of the rung.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "codecs/colour.hpp"
#include "ladder.hpp"
#include "media/sample.hpp"

namespace millrace::transcoding {

struct FrameRate {
  std::uint32_t num = 0;
  std::uint32_t den = 1;

  bool known() const { return num != 0; }
  bool operator==(const FrameRate&) const = default;
};

// The rate among those that encoders have that is nearest to so many frames a second; itself, in thousandths,
// where none is within half a per cent. Not known: 0, or more than 300.
FrameRate usual_frame_rate(double fps);

struct SourceDescription {
  std::uint32_t width = 0;  // of the coded picture
  std::uint32_t height = 0;
  std::uint32_t aspect_num = 1;  // of a pixel; 0: not stated, taken for square
  std::uint32_t aspect_den = 1;
  codecs::Colour colour;
  FrameRate frame_rate;    // of whole pictures
  std::uint32_t kbps = 0;  // of the picture; 0: not known
};

struct PlanLimits {
  std::uint32_t max_height = 0;  // of renditions; 0: none
  std::uint32_t max_kbps = 0;
  std::uint64_t max_source_pixels = std::uint64_t{4096} * 2304;
  unsigned cpus = 1;
  std::uint32_t segment_ms = 2000;
};

// What the encoder's family and preset add to a plan.
struct EncoderChoice {
  std::string name = "x264";
  std::string preset = "veryfast";
  media::Codec codec = media::Codec::kH264;
};

struct Rendition {
  std::string name;  // "v0-720p": of its log and in addresses
  std::uint32_t width = 0;
  std::uint32_t height = 0;
  FrameRate frame_rate;       // after leaving out
  std::uint32_t divisor = 1;  // every so many-th picture is kept
  std::uint32_t kbps = 0;
  std::uint32_t max_kbps = 0;
  std::uint32_t buffer_kbit = 0;
  std::uint32_t peak_kbps = 0;  // that no segment is above: max_kbps, and the buffer once a segment
  int level = 0;                // 31: 3.1
  int reference_frames = 1;
  int threads = 1;
  std::string codec;  // RFC 6381
  codecs::Colour colour;

  bool operator==(const Rendition&) const = default;
};

struct Plan {
  std::vector<Rendition> renditions;  // the largest first
  std::vector<std::string> left_out;  // rungs, and why: "1080p30: larger than the source"

  bool operator==(const Plan&) const = default;
};

// "transcoding.no_size": nothing is known of the picture's size. "transcoding.source_too_large".
Result<Plan> plan_renditions(const SourceDescription& source, const Ladder& ladder, const PlanLimits& limits,
                             const EncoderChoice& encoder);

}  // namespace millrace::transcoding
