// The init segment of fragmented MP4 (ISO/IEC 23000-19 7.3.1; 14496-12 8.8): ftyp and a moov without samples.
#pragma once

#include <span>
#include <vector>

#include "base/result.hpp"
#include "containers/mp4/track.hpp"

namespace millrace::mp4 {

// Equal tracks give equal bytes.
Bytes init_segment(std::span<const Track> tracks);

// The tracks of a moov (its payload) as init_segment writes it. "mp4.moov": not one of ours, or damaged.
Result<std::vector<Track>> read_tracks(ByteView moov);

}  // namespace millrace::mp4
