// What a multivariant playlist says of the bits a list takes (RFC 8216 4.3.4.2). Pure; any thread.
#pragma once

#include <cstdint>
#include <span>

#include "segment.hpp"

namespace millrace::packaging {

struct Bandwidth {
  // Of the heaviest run of segments that lasts from half to one and a half target durations; where all of
  // them together are shorter, of all.
  std::uint64_t peak = 0;     // bits per second
  std::uint64_t average = 0;  // of all
};

// Of one rendition, with the container's bytes. segments: as they are listed, without the gaps.
Bandwidth bandwidth(std::span<const TrackSpan> segments, std::int64_t target_duration_us);

}  // namespace millrace::packaging
