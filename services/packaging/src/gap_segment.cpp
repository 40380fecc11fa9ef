#include "gap_segment.hpp"

#include <algorithm>
#include <charconv>

#include "base/bytes.hpp"
#include "containers/mp4/fragment.hpp"
#include "media/mp4_track.hpp"
#include "track_configuration.hpp"

namespace millrace::packaging {
namespace {

constexpr std::string_view kEnding = "-gap.m4s";

// The date of the gap less that of the rendition's last segment before it, on the latter's timeline. The
// track may have been silent in what is between them.
std::optional<std::uint64_t> decode_time(const Listing& listing, const Rendition& rendition,
                                         std::size_t place) {
  const Segment& gap = listing.offered[place];
  while (place > 0 && !rendition.segments[place - 1]) --place;
  if (place == 0) return std::nullopt;
  const auto& last = rendition.segments[place - 1];
  if (!last || listing.offered[place - 1].discontinuity_sequence != gap.discontinuity_sequence)
    return std::nullopt;
  constexpr std::int64_t kMicroseconds = 1'000'000;
  const std::int64_t later_us = gap.start_wall - last->span.start_wall;
  const std::int64_t later = later_us / kMicroseconds * last->span.timescale +
                             later_us % kMicroseconds * last->span.timescale / kMicroseconds;
  return static_cast<std::uint64_t>(std::max<std::int64_t>(last->span.first_dts + later, 0));
}

const Rendition* find(const Offering& offering, std::string_view rendition) {
  const auto found = std::find_if(offering.renditions.begin(), offering.renditions.end(),
                                  [&](const Rendition& one) { return to_string(one.name) == rendition; });
  return found == offering.renditions.end() ? nullptr : &*found;
}

std::string empty(const Rendition& rendition, std::uint64_t media_sequence, std::uint64_t time) {
  const std::uint32_t track = media::mp4_track_id(track_of(rendition.name));
  return std::string(as_text(mp4::empty_segment(static_cast<std::uint32_t>(media_sequence), track, time)));
}

}  // namespace

std::string gap_name(std::uint64_t media_sequence) {
  return std::to_string(media_sequence) + std::string(kEnding);
}

std::optional<std::uint64_t> parse_gap_name(std::string_view text) {
  if (!text.ends_with(kEnding)) return std::nullopt;
  const std::string_view digits = text.substr(0, text.size() - kEnding.size());
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (error != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
  return gap_name(number) == text ? std::optional(number) : std::nullopt;
}

std::optional<std::string> gap_segment(const Offering& offering, std::string_view rendition,
                                       std::uint64_t media_sequence) {
  const Listing& listing = offering.listing;
  if (listing.offered.empty() || media_sequence < listing.offered.front().media_sequence) return std::nullopt;
  const std::size_t place = media_sequence - listing.offered.front().media_sequence;
  if (place >= listing.offered.size() || !listing.offered[place].is_gap) return std::nullopt;
  const Rendition* const found = find(offering, rendition);
  if (found == nullptr) return std::nullopt;
  const auto time = decode_time(listing, *found, place);
  return time ? std::optional(empty(*found, media_sequence, *time)) : std::nullopt;
}

std::optional<std::string> segment_past_end(const Offering& offering, std::string_view rendition,
                                            std::uint64_t media_sequence) {
  const Rendition* const found = find(offering, rendition);
  if (found == nullptr) return std::nullopt;
  const auto last = std::find_if(found->segments.rbegin(), found->segments.rend(),
                                 [](const auto& segment) { return segment.has_value(); });
  if (last == found->segments.rend()) return std::nullopt;
  const TrackSpan& span = (*last)->span;
  return empty(*found, media_sequence,
               static_cast<std::uint64_t>(std::max<std::int64_t>(span.last_dts + span.last_duration, 0)));
}

std::optional<std::string> missing_segment(const Offering& offering, std::string_view rendition,
                                           std::uint64_t media_sequence) {
  const std::size_t place = media_sequence - offering.listing.offered.front().media_sequence;
  const Rendition* const found = find(offering, rendition);
  if (found == nullptr) return std::nullopt;
  // The source has it where a ladder lacks it.
  for (const Rendition& source : offering.renditions) {
    const auto& own = source.segments[place];
    if (!found->is_made() || source.is_made() || source.name.kind != found->name.kind || !own) continue;
    return empty(*found, media_sequence,
                 static_cast<std::uint64_t>(std::max<std::int64_t>(own->span.first_dts, 0)));
  }
  const auto time = decode_time(offering.listing, *found, place);
  return time ? std::optional(empty(*found, media_sequence, *time)) : std::nullopt;
}

}  // namespace millrace::packaging
