// H.264's parameter sets where an encoder changes the picture's size without a new sequence header: in the
// access unit of a key frame. Pure functions. Specification: ISO/IEC 14496-15 5.3.3.1.
#pragma once

#include "base/bytes.hpp"
#include "codecs/h264.hpp"

namespace millrace::ingest {

struct InBandParameters {
  ByteView sps;  // the first one; empty when there is none
  std::vector<ByteView> pps;
};
InBandParameters in_band_parameters(ByteView sample, unsigned nal_length_size);

// avcC of them; empty where they don't make one: no SPS or PPS, or an SPS that is not usable.
Bytes avc_configuration(const InBandParameters& parameters, unsigned nal_length_size);

}  // namespace millrace::ingest
