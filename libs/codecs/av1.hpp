// AV1: the configuration record (av1C), the sequence header, and what a temporal unit holds. Pure functions;
// any thread; input is outside data and may hold anything.
//
// Specifications: AV1 Codec ISO Media File Format Binding 2.3 (av1C), 2.4 (samples), 5 (codec string); AV1
// Bitstream & Decoding Process 5.3 (OBU), 5.5 (sequence header), 5.8 (metadata), 5.9.2 (frame
// header).
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/bytes.hpp"
#include "base/result.hpp"
#include "codecs/colour.hpp"

namespace millrace::codecs {

enum Av1ObuType : std::uint8_t {
  kObuSequenceHeader = 1,
  kObuTemporalDelimiter = 2,
  kObuFrameHeader = 3,
  kObuTileGroup = 4,
  kObuMetadata = 5,
  kObuFrame = 6,
  kObuRedundantFrameHeader = 7,
  kObuTileList = 8,
  kObuPadding = 15,
};

struct Av1SequenceHeader {
  std::uint8_t profile = 0;
  std::uint8_t level = 0;  // seq_level_idx of the first operating point; 31: no limits
  bool high_tier = false;
  std::uint8_t bit_depth = 8;
  bool monochrome = false;
  std::uint8_t chroma_subsampling = 3;  // 2 across, 1 down: 3 is 4:2:0
  std::uint8_t chroma_sample_position = 0;
  bool reduced_still_picture = false;
  std::uint32_t width = 0;  // the largest that frames have
  std::uint32_t height = 0;
  std::optional<double> fps;  // absent when not stated, not constant or not between 0 and 1000
  std::optional<Colour> colour;
};

// What metadata OBUs say (AV1 6.7).
struct Av1Metadata {
  HdrMetadata hdr;
  std::uint8_t captions = 0;  // Captions (captions.hpp)
};

struct Av1Configuration {
  std::uint8_t profile = 0;
  std::uint8_t level = 0;
  bool high_tier = false;
  std::uint8_t bit_depth = 8;
  bool monochrome = false;
  std::uint8_t chroma_subsampling = 3;  // 2 across, 1 down: 3 is 4:2:0
  std::uint8_t chroma_sample_position = 0;
  // Of the sequence header in the record. Encoders may leave it out: then the first key frame's temporal unit
  // has it (inspect_temporal_unit), and width and height are 0 here.
  std::uint32_t width = 0;
  std::uint32_t height = 0;
  std::optional<double> fps;
  std::optional<Colour> colour;
  HdrMetadata hdr;  // of the metadata OBUs in the record
};

// "codecs.av1_truncated", "codecs.av1_version" (marker or version), "codecs.av1_invalid" (an OBU's length, or
// a value that is reserved), "codecs.av1_dimensions" (more than kMaxDimension).
Result<Av1Configuration> parse_av1_configuration(ByteView av1c);

// payload: of an OBU of type kObuSequenceHeader, without OBU header and size. Codes as above.
Result<Av1SequenceHeader> parse_av1_sequence_header(ByteView payload);

// payload: of an OBU of type kObuMetadata. What it says is added, unless it is damaged.
void read_av1_metadata(ByteView payload, Av1Metadata& metadata);

// av1C of a sequence header (as a whole OBU with its header and size), for encoders that send none.
Bytes av1_configuration(const Av1SequenceHeader& header, ByteView sequence_header_obu);

struct Av1TemporalUnit {
  unsigned obus = 0;
  bool key_frame = false;        // its first frame is a key frame that is shown
  ByteView sequence_header_obu;  // whole; empty when there is none; refers to the sample
  std::optional<Av1SequenceHeader> sequence_header;
  Av1Metadata metadata;
};
// Walks the OBUs of a sample. Only the last one may have no size field. "codecs.av1_invalid": a length passes
// the end of its sample, or a forbidden bit is set.
Result<Av1TemporalUnit> inspect_temporal_unit(ByteView sample);

// "av01.0.04M.08", with the colour where the sequence header states one: "av01.0.13M.10.0.110.09.16.09.0".
std::string codec_string(const Av1Configuration& configuration);

}  // namespace millrace::codecs
