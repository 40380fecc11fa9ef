// What is behind the name of a segment that a publisher was away for. Lists mark it as a gap, which nobody is
// to load; players that know nothing of gaps do (video.js 8, ffmpeg), and ask again and again, or give up,
// where there is nothing. Pure; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "offering.hpp"

namespace millrace::packaging {

// By its number alone: it is derived from recordings too, which do not know who wrote it.
std::string gap_name(std::uint64_t media_sequence);
// Exactly what gap_name makes; nullopt for anything else.
std::optional<std::uint64_t> parse_gap_name(std::string_view text);

// The whole segment: a fragment without samples, whose decode time is that of the gap on the timeline of what
// the rendition had before. nullopt: it is no gap of the offering, or what was before is not in it any more.
std::optional<std::string> gap_segment(const Offering& offering, std::string_view rendition,
                                       std::uint64_t media_sequence);

// The same behind the last segment of a stream that has ended. nullopt: the rendition has none.
// Precondition: it is behind what is offered.
std::optional<std::string> segment_past_end(const Offering& offering, std::string_view rendition,
                                            std::uint64_t media_sequence);

// The same of a segment that a rendition lacks: where the source has it, or of a track of the source that was
// silent in it by its date (nullopt: what it had before is not offered any more).
// Precondition: it is offered.
std::optional<std::string> missing_segment(const Offering& offering, std::string_view rendition,
                                           std::uint64_t media_sequence);

}  // namespace millrace::packaging
