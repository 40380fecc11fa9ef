// What packaging knows of a track's configuration: times for the index, a sample description for the init
// segment, names for the multivariant playlist. A pure function of the log's entry.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "containers/mp4/track.hpp"
#include "media/arena_reader.hpp"
#include "media/mp4_track.hpp"
#include "segment.hpp"

namespace millrace::packaging {

struct TrackDescription {
  TrackTiming timing;  // not usable: nothing below is filled in
  mp4::Track track;
  std::string codec;  // RFC 6381
  std::uint32_t width = 0, height = 0;
  std::optional<double> frames_per_second;  // as the encoder's parameter set says
  std::string language;                     // BCP 47; empty: not told
  std::string name;                         // as the encoder named it; empty: not at all
  std::uint32_t digest = 0;                 // of the configuration's bytes
  std::string refusal;                      // why a video or audio track is not usable
};

TrackDescription describe(const media::LogReader::Configuration& configuration);

// The init segment of the track's rendition; empty if it is not usable.
Bytes init_segment(const TrackDescription& description);

}  // namespace millrace::packaging
