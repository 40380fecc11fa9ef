// esds, the elementary stream descriptor of mp4a (ISO/IEC 14496-14 5.6, 14496-1 7.2.6.5).
#pragma once

#include "containers/mp4/track.hpp"

namespace millrace::mp4 {

// kAac: with the AudioSpecificConfig; kMp3: its configuration is the objectTypeIndication.
void write_elementary_stream(ByteWriter& writer, Codec codec, ByteView configuration);

// Fills codec and configuration from the box's payload; false when it is neither AAC nor MP3.
bool read_elementary_stream(ByteView esds, Track& track);

}  // namespace millrace::mp4
