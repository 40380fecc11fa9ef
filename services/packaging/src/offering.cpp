#include "offering.hpp"

#include <cstdlib>

namespace millrace::packaging {
namespace {

constexpr std::int64_t kMicroseconds = 1'000'000;
// Encoders' times are whole milliseconds, rounded one by one.
constexpr std::int64_t kSameTimeUs = 2'000;

std::int64_t microseconds(std::int64_t ticks, const RenditionSegment& segment) {
  const std::int64_t timescale = segment.description->timing.timescale;
  return ticks / timescale * kMicroseconds + ticks % timescale * kMicroseconds / timescale;
}

}  // namespace

std::int64_t decoded_us(const RenditionSegment& segment) {
  return microseconds(segment.span.first_dts, segment);
}

std::int64_t presented_us(const RenditionSegment& segment) {
  return microseconds(segment.span.first_dts + segment.span.first_offset, segment);
}

std::size_t first_current(const Listing& listing) {
  const std::int64_t wanted_us =
      WindowPolicy::kLeastTargets * std::int64_t{listing.target_duration_seconds} * kMicroseconds;
  std::int64_t length_us = 0;
  std::size_t first = listing.offered.size();
  while (first > listing.first_listed && length_us < wanted_us) {
    const Segment& segment = listing.offered[first - 1];
    if (segment.publication_id != listing.offered.back().publication_id) break;
    length_us += segment.duration_us;
    --first;
  }
  return first;
}

const std::vector<Part>& leading_parts(const Segment& segment) {
  static const std::vector<Part> none;
  const TrackSpan* const leading = segment.track(segment.leading_track);
  return leading == nullptr ? none : leading->parts;
}

bool has_track(const Segment& segment, const RenditionName& name) {
  const TrackSpan* const span = segment.track(track_of(name));
  return span != nullptr && span->kind == name.kind;
}

bool has_growing_gap(const Offering& offering, const Rendition& rendition) {
  return offering.listing.growing && !rendition.growing && !offering.listing.offered.empty() &&
         !has_track(offering.listing.offered.back(), rendition.name);
}

bool is_switching_set(const Offering& offering, const Rendition& picture, const Rendition& other) {
  bool together = false;
  for (std::size_t i = offering.listing.first_listed; i < picture.segments.size(); ++i) {
    const auto& one = picture.segments[i];
    const auto& two = other.segments[i];
    if (!one || !two) continue;
    if (!one->span.independent || !two->span.independent) return false;
    if (std::abs(presented_us(*one) - presented_us(*two)) > kSameTimeUs) return false;
    together = true;
  }
  return together;
}

}  // namespace millrace::packaging
