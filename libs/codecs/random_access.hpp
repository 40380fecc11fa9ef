// Where decoding of H.264 can begin, as the NAL units of an access unit say it. Pure functions; any thread;
// input is outside data and may hold anything. NAL units are passed with their headers and with emulation
// prevention. Recovery points are messages of SEI (sei.hpp).
//
// Specifications: ITU-T H.264 7.3.3, 7.4.3 (slice_type).
#pragma once

#include "base/bytes.hpp"

namespace millrace::codecs {

// An H.264 slice (type 1) of macroblocks that need no other picture.
bool is_intra_slice(ByteView slice);

}  // namespace millrace::codecs
