// stsd with one entry: avc1 with avcC (ISO/IEC 14496-15 5.4.2) or mp4a with esds (14496-14 5.6,
// 14496-1 7.2.6.5).
#pragma once

#include <optional>

#include "containers/mp4/track.hpp"

namespace millrace::mp4 {

void write_sample_description(ByteWriter& writer, const Track& track);

// Fills type, codec, configuration, sizes and rates from stsd's payload; false when it is not one of ours.
bool read_sample_description(ByteView stsd, Track& track);

}  // namespace millrace::mp4
