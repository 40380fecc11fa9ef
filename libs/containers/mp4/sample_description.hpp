// stsd, one entry per sample description (ISO/IEC 14496-12 8.5.2): avc1, hvc1, av01, vp09, Opus, fLaC, ac-3
// or ec-3 with the codec's box, or mp4a with esds (elementary_stream.hpp).
#pragma once

#include <optional>

#include "containers/mp4/track.hpp"

namespace millrace::mp4 {

void write_sample_description(ByteWriter& writer, const Track& track);

// Fills type, codec, configurations, sizes and rates from stsd's payload; false when it is not one of ours.
bool read_sample_description(ByteView stsd, Track& track);

}  // namespace millrace::mp4
