// Parameter sets in the samples. A pure function; any thread.
#pragma once

#include <cstdint>

#include "containers/mp4/track.hpp"

namespace millrace::recording {

// What a sample was given: so many bytes, there.
struct Insertion {
  std::uint32_t at = 0;
  std::uint32_t bytes = 0;
};

// The sample, a key frame of the track, with the parameter sets of the track's configuration in front of its
// pictures. Left as it is when it has some, and in codecs that need none there: H.264 and H.265 do.
Bytes with_parameter_sets(const mp4::Track& track, Bytes sample, Insertion* inserted = nullptr);

}  // namespace millrace::recording
