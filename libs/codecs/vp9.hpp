// VP9: the configuration record (vpcC) and the uncompressed header of a frame. Pure functions; any thread;
// input is outside data and may hold anything.
//
// Specifications: VP Codec ISO Media File Format Binding (vpcC, codec string); VP9 Bitstream & Decoding
// Process 6.2, 7.2 (uncompressed header).
#pragma once

#include <cstdint>
#include <string>

#include "base/bytes.hpp"
#include "base/result.hpp"
#include "codecs/colour.hpp"

namespace millrace::codecs {

struct Vp9Configuration {
  std::uint8_t profile = 0;
  std::uint8_t level = 0;  // 10 times the level; 0: not known
  std::uint8_t bit_depth = 8;
  // 0, 1: 4:2:0 with the chroma sample between or on luma's; 2: 4:2:2; 3: 4:4:4.
  std::uint8_t chroma_subsampling = 1;
  Colour colour;
};

// vpcC is a full box. Takes its payload with version and flags in front as MP4 has it (GStreamer sends it so)
// and the bare record (FFmpeg does). The picture's size is in the frames only. "codecs.vp9_truncated",
// "codecs.vp9_version", "codecs.vp9_invalid" (a value that is reserved).
Result<Vp9Configuration> parse_vp9_configuration(ByteView vpcc);

// The payload of the full box, whichever of the two forms the record has.
Bytes vp9_configuration_box(const Vp9Configuration& configuration);

struct Vp9FrameHeader {
  std::uint8_t profile = 0;
  bool show_existing_frame = false;  // nothing below is stated then
  bool key_frame = false;
  bool show_frame = false;
  std::uint8_t bit_depth = 8;  // from here on: of a key frame only
  std::uint8_t chroma_subsampling = 1;
  std::uint32_t width = 0;
  std::uint32_t height = 0;
};
// Of a sample's first frame (a superframe begins with it). "codecs.vp9_truncated", "codecs.vp9_invalid"
// (frame marker, sync code, reserved bits), "codecs.vp9_dimensions" (more than kMaxDimension).
Result<Vp9FrameHeader> parse_vp9_frame_header(ByteView sample);

// "vp09.00.10.08", with the colour where the record states one: "vp09.02.10.10.01.09.16.09.01".
std::string codec_string(const Vp9Configuration& configuration);

}  // namespace millrace::codecs
