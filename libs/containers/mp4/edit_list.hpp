// Edit lists (ISO/IEC 14496-12 8.6.5, 8.6.6): when a track starts within the movie, and at which of its media
// times.
#pragma once

#include <cstdint>

#include "base/bytes.hpp"

namespace millrace::mp4 {

struct Edit {
  std::uint64_t delay = 0;       // of the track after the movie's start, in kMovieTimescale units
  std::uint64_t duration = 0;    // presented, in kMovieTimescale units
  std::uint64_t media_time = 0;  // first presented, in the track's timescale
};

void write_edit_list(ByteWriter& writer, const Edit& edit);

}  // namespace millrace::mp4
