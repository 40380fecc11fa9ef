// What a player asks of a media playlist by its query (RFC 8216bis 6.2.5): to be answered when something is
// in it, and to be given only what is new. Total and pure; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "base/result.hpp"
#include "manifest/hls/media_playlist.hpp"

namespace millrace::hls {

struct DeliveryDirectives {
  std::optional<std::uint64_t> media_sequence{};  // _HLS_msn
  std::optional<std::uint64_t> part{};            // _HLS_part: index in that segment
  Skip skip = Skip::kNothing;                     // _HLS_skip

  bool operator==(const DeliveryDirectives&) const = default;
};

// query: decoded names and values. Names that are not of the draft count for nothing. "hls.directive": a
// value that is none, one that is there twice, a part without its segment.
Result<DeliveryDirectives> parse_directives(std::span<const std::pair<std::string, std::string>> query);

// Caches tell requests apart by their queries as they are written, some without regard to case. False where
// a name of the draft, or "ll", is not written as it is: encoded, or in other letters. query: as decoded from
// it.
bool has_literal_names(std::string_view raw_query,
                       std::span<const std::pair<std::string, std::string>> query);

// What of a list is there, for who waits for more.
struct ListEnd {
  std::uint64_t last_segment = 0;      // media sequence of the last whole one
  std::uint64_t parts_of_last = 0;     // 0: it has none
  std::uint64_t parts_of_growing = 0;  // of the one after it, in the list
  std::int64_t part_target_us = 0;     // 0: a list without parts
};

enum class Readiness : std::uint8_t {
  kReady,   // it is in the list
  kWait,    // it may come
  kTooFar,  // beyond what may be asked for: two segments, or the advance part limit
};

// Of a list that has not ended: one that has ended ignores directives. A part past its segment's end is
// part 0 of the next one; a segment without parts has every part once it is whole.
Readiness readiness(const DeliveryDirectives& directives, const ListEnd& end);

}  // namespace millrace::hls
