// HLS media playlist (RFC 8216 4.3.2 and 4.3.3) of fragmented MP4 segments. Plain data in, text out; any
// thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/wall_time.hpp"

namespace millrace::hls {

struct MediaSegment {
  std::string uri;
  std::string map_uri;  // its initialization section (EXT-X-MAP); empty: none
  std::int64_t duration_us = 0;
  std::optional<WallTime> program_date_time;  // of its first sample
  // Number of the timeline it belongs to. Never decreases along the list; EXT-X-DISCONTINUITY stands where it
  // grows.
  std::uint64_t discontinuity_sequence = 0;
  bool gap = false;  // EXT-X-GAP: there is nothing behind the URI
};

struct MediaPlaylist {
  std::uint32_t target_duration_seconds = 1;  // raised to the longest listed segment if it is less
  std::uint64_t media_sequence = 0;           // of the first listed segment; the others follow without a gap
  bool independent_segments = false;          // every listed segment can be decoded by itself
  bool ended = false;                         // EXT-X-ENDLIST
  std::vector<MediaSegment> segments;
};

// A duration in microseconds rounded to seconds as EXT-X-TARGETDURATION asks for (nearest, half up), at
// least 1.
std::uint32_t rounded_seconds(std::int64_t duration_us);

// UTF-8 text with LF line ends. Pure: equal input gives equal text.
std::string serialize(const MediaPlaylist& playlist);

}  // namespace millrace::hls
