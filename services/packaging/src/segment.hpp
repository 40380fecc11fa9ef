// What packaging offers: whole segments of a log, described by numbers. Plain data.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

namespace millrace::packaging {

// The tracks of a segment, in this order in its file: the first video and the first audio track of a
// publication.
inline constexpr std::size_t kVideo = 0;
inline constexpr std::size_t kAudio = 1;
inline constexpr std::size_t kTracks = 2;

// What must be known of a track's configuration to convert times. One for each entry of a log's configuration
// area.
struct TrackTiming {
  std::uint8_t track = 0;
  bool usable = false;          // false: a track or codec that is not packaged; its samples are passed over
  std::uint32_t timescale = 0;  // ticks a second; never 0 when usable
  std::uint32_t frame_duration = 0;  // ticks of one audio frame; 0: varies (video)
};

// A track's share of a segment.
struct TrackSpan {
  std::uint32_t samples = 0;
  std::uint32_t configuration = 0;
  std::int64_t first_dts = 0;
  std::int64_t last_dts = 0;
  std::uint32_t last_duration = 0;  // of the last sample; the others last until the next one's dts
};

struct Segment {
  std::uint64_t publication_id = 0;
  std::uint64_t media_sequence = 0;
  std::uint32_t discontinuity_sequence = 0;
  bool independent = false;        // decoding can begin at its first video sample (or it has none)
  std::uint64_t first_record = 0;  // records [first_record, end_record) of the log
  std::uint64_t end_record = 0;
  std::uint64_t payload_bytes = 0;
  std::int64_t start_wall_us = 0;
  std::int64_t duration_us = 0;
  std::int64_t last_arrival_us = 0;  // CLOCK_MONOTONIC, of its last sample
  std::array<TrackSpan, kTracks> tracks;
  // Configurations its init segment is made of: also those of tracks that are silent in it.
  std::array<std::optional<std::uint32_t>, kTracks> configurations;
};

}  // namespace millrace::packaging
