// Where decoding of H.264 and H.265 can begin, as the NAL units of an access unit say it. Pure functions; any
// thread; input is outside data and may hold anything. NAL units are passed with their headers and with
// emulation prevention.
//
// Specifications: ITU-T H.264 7.3.3, 7.4.3 (slice_type), D.1.8 (recovery point); ITU-T H.265 D.2.8.
#pragma once

#include "base/bytes.hpp"

namespace millrace::codecs {

// A recovery point SEI message is in the unit, which is one of SEI. Looks at 16 KiB of it at most: user data
// of any size may stand before it.
bool has_recovery_point(ByteView sei);
bool has_hevc_recovery_point(ByteView sei);

// An H.264 slice (type 1) of macroblocks that need no other picture.
bool is_intra_slice(ByteView slice);

}  // namespace millrace::codecs
