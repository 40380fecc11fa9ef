// What a decoded sample is in the source: it keeps this through filters and encoders. Plain data.
#pragma once

#include <cstdint>

#include "base/wall_time.hpp"

namespace millrace::transcoding {

// Of the source's log when the record was read; 0: not fixed yet.
struct SourceTargets {
  std::uint32_t target_duration_s = 0;
  std::uint32_t part_target_us = 0;
};

struct SourceNote {
  std::int64_t pts = 0;  // of the source's timeline, in the rendition's timescale
  std::uint64_t media_sequence = 0;
  std::uint32_t discontinuity_sequence = 0;
  bool first = false;          // of its segment: a picture that has to be a key frame
  bool discontinuity = false;  // with first: the source's record says so
  WallTime presented;
  std::int64_t origin_arrival_us = 0;
  std::uint32_t wire_timestamp_ms = 0;  // of its presentation
  SourceTargets targets;
};

}  // namespace millrace::transcoding
