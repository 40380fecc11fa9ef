#include "offering.hpp"

#include <algorithm>
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

InitName init_name(const Segment& segment, const RenditionSegment& own) {
  InitName name = init_name(segment, own.span);
  if (own.made) name.configuration = own.description->digest;
  return name;
}

InitName init_name(const Segment& segment, const PlannedRendition& planned) {
  return {segment.publication_id, segment.incarnation, planned.description->digest};
}

PartName part_name(const Segment& segment, const RenditionSegment& own, std::uint32_t number) {
  return part_name(own.made ? own.made->segment : segment, number);
}

const TrackDescription& description_of(const Rendition& rendition) {
  const auto newest = std::find_if(rendition.segments.rbegin(), rendition.segments.rend(),
                                   [](const auto& segment) { return segment.has_value(); });
  return newest != rendition.segments.rend() ? *(*newest)->description : *rendition.planned->description;
}

const Segment* growing_segment(const Offering& offering, const Rendition& rendition) {
  const Listing& listing = offering.listing;
  if (rendition.behind > 0) return &listing.offered[rendition.end()];
  return listing.growing ? &*listing.growing : nullptr;
}

bool has_something_current(const Rendition& rendition, const Listing& listing) {
  return std::any_of(rendition.segments.begin() + static_cast<std::ptrdiff_t>(first_current(listing)),
                     rendition.segments.end(), [](const auto& segment) { return segment.has_value(); });
}

std::int64_t decoded_us(const RenditionSegment& segment) {
  return microseconds(segment.span.first_dts, segment);
}

std::int64_t presented_us(const RenditionSegment& segment) {
  return microseconds(segment.span.shown_from, segment);
}

std::int64_t presented_end_us(const RenditionSegment& segment) {
  return microseconds(segment.span.presented_end(), segment);
}

std::size_t first_current(const Listing& listing) {
  const std::int64_t wanted_us =
      WindowPolicy::kLeastTargets * std::int64_t{listing.target_duration_seconds} * kMicroseconds;
  std::int64_t length_us = 0;
  const std::size_t end = listing.media_end();
  std::size_t first = end;
  while (first > listing.first_described() && length_us < wanted_us) {
    const Segment& segment = listing.offered[first - 1];
    if (segment.publication_id != listing.offered[end - 1].publication_id) break;
    length_us += segment.duration_us;
    --first;
  }
  return first;
}

const Parts& leading_parts(const Segment& segment) {
  static const Parts none;
  if (segment.is_gap) return segment.gap_parts;
  const TrackSpan* const leading = segment.track(segment.leading_track);
  return leading == nullptr ? none : leading->parts;
}

bool has_track(const Segment& segment, const RenditionName& name) {
  const TrackSpan* const span = segment.track(track_of(name));
  return span != nullptr && span->kind == name.kind;
}

bool has_growing_gap(const Offering& offering, const Rendition& rendition) {
  const Listing& listing = offering.listing;
  if (!listing.growing || rendition.growing || rendition.behind > 0 || listing.offered.empty()) return false;
  if (listing.growing->is_gap) return true;
  const std::size_t end = listing.media_end();
  return end > 0 && !has_track(listing.offered[end - 1], rendition.name);
}

bool is_independent(const Offering& offering, const Rendition& rendition) {
  if (!rendition.is_video() || rendition.is_made()) return true;
  return rendition.name.number == 0 && offering.listing.independent;
}

bool is_switching_set(const Offering& offering, const Rendition& picture, const Rendition& other) {
  // What is planned will be such.
  bool together = other.planned != nullptr;
  for (std::size_t i = offering.listing.first_described(); i < picture.segments.size(); ++i) {
    const auto& one = picture.segments[i];
    const auto& two = other.segments[i];
    if (one && other.planned && !one->span.independent) return false;
    if (!one || !two) continue;
    if (!one->span.independent || !two->span.independent) return false;
    if (std::abs(presented_us(*one) - presented_us(*two)) > kSameTimeUs) return false;
    together = true;
  }
  return together;
}

}  // namespace millrace::packaging
