// HLS media playlist (RFC 8216 4.3.2 and 4.3.3; with parts RFC 8216bis 4.4.3.7, 4.4.3.8, 4.4.4.9 and 4.4.5)
// of fragmented MP4 segments. Plain data in, text out; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/wall_time.hpp"
#include "manifest/hls/date_range.hpp"

namespace millrace::hls {

// EXT-X-PART
struct PartialSegment {
  std::string uri;
  std::int64_t duration_us = 0;
  bool independent = false;  // INDEPENDENT=YES
  bool gap = false;          // GAP=YES: there is nothing behind the URI
};

struct MediaSegment {
  std::string uri;      // of one that grows: not written
  std::string map_uri;  // its initialization section (EXT-X-MAP); empty: none
  std::int64_t duration_us = 0;
  std::optional<WallTime> program_date_time;  // of its first sample
  // Number of the timeline it belongs to. Never decreases along the list; EXT-X-DISCONTINUITY stands where it
  // grows.
  std::uint64_t discontinuity_sequence = 0;
  bool gap = false;                     // EXT-X-GAP: there is nothing behind the URI
  std::vector<PartialSegment> parts{};  // those that are listed
};

// EXT-X-RENDITION-REPORT
struct RenditionReport {
  std::string uri;
  std::uint64_t last_media_sequence = 0;
  std::optional<std::size_t> last_part{};  // index in that segment
};

// What a list with parts has besides. Delays count back from its end.
struct LowLatency {
  std::int64_t part_target_us = 0;
  std::int64_t part_hold_back_us = 0;
  std::int64_t hold_back_us = 0;
  std::int64_t can_skip_until_us = 0;
  // Follows the last segment; only what is before its URI is written. Without parts: nothing.
  std::optional<MediaSegment> growing{};
  std::string hinted_map{};  // EXT-X-PRELOAD-HINT: an initialization section, the next part; empty: none
  std::string hinted_part{};
  std::vector<RenditionReport> reports{};
};

// Which form of the list: a delta update leaves out what who asks has (RFC 8216bis 6.2.5.1).
enum class Skip : std::uint8_t {
  kNothing,
  kSegments,    // _HLS_skip=YES
  kDateRanges,  // _HLS_skip=v2
};

struct MediaPlaylist {
  std::uint32_t target_duration_seconds = 1;  // raised to the longest listed segment if it is less
  std::uint64_t media_sequence = 0;           // of the first listed segment; the others follow without a gap
  bool independent_segments = false;          // every listed segment can be decoded by itself
  bool ended = false;                         // EXT-X-ENDLIST
  bool for_good = false;                      // EXT-X-PLAYLIST-TYPE:VOD: no list of it will ever say else
  std::vector<MediaSegment> segments;
  std::vector<DateRange> date_ranges{};            // the same in all lists of a presentation
  std::vector<std::string> removed_date_ranges{};  // ids of those that have left it lately
  std::optional<LowLatency> low_latency{};         // parts are written only with it
  std::int64_t can_skip_until_us = 0;              // of a list without it; 0: there are no delta updates
};

// A duration in microseconds rounded to seconds as EXT-X-TARGETDURATION asks for (nearest, half up), at
// least 1.
std::uint32_t rounded_seconds(std::int64_t duration_us);

// How many segments a delta update leaves out: those whose end is further from the end of the last one than
// can_skip_until_us. 0: it is the full list; so it is of a list that has ended.
std::size_t skipped_segments(const MediaPlaylist& playlist);

// UTF-8 text with LF line ends. Pure: equal input gives equal text.
std::string serialize(const MediaPlaylist& playlist, Skip skip = Skip::kNothing);

}  // namespace millrace::hls
