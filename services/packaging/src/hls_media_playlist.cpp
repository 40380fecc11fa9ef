#include "hls_media_playlist.hpp"

#include <algorithm>

#include "gap_segment.hpp"

namespace millrace::packaging {
namespace {

constexpr std::int64_t kMicroseconds = 1'000'000;

// Of what was offered last before the list begins; empty: nothing.
std::string map_before(const Offering& offering, const Rendition& rendition) {
  for (std::size_t i = offering.listing.first_listed; i-- > 0;) {
    if (const auto& own = rendition.segments[i])
      return to_string(init_name(offering.listing.offered[i], *own));
  }
  return {};
}

// A gap has the init segment of what stands before it, or else of what comes first.
void fill_maps(std::vector<hls::MediaSegment>& segments, const std::string& before) {
  if (segments.front().map_uri.empty()) segments.front().map_uri = before;
  for (std::size_t i = 1; i < segments.size(); ++i) {
    if (segments[i].map_uri.empty()) segments[i].map_uri = segments[i - 1].map_uri;
  }
  for (std::size_t i = segments.size(); i-- > 1;) {
    if (segments[i - 1].map_uri.empty()) segments[i - 1].map_uri = segments[i].map_uri;
  }
}

std::string uri_of(const Segment& segment) {
  return segment.is_gap ? gap_name(segment.media_sequence) : to_string(segment_name(segment));
}

hls::MediaSegment entry(const Segment& segment, const std::optional<RenditionSegment>& own) {
  hls::MediaSegment entry;
  entry.uri = uri_of(segment);
  entry.discontinuity_sequence = segment.discontinuity_sequence;
  entry.gap = !own;
  entry.duration_us = own ? own->span.duration_us : segment.duration_us;
  entry.program_date_time = own ? own->span.start_wall : segment.start_wall;
  if (own) entry.map_uri = to_string(init_name(segment, *own));
  return entry;
}

// What is promised is listed as it will be: of a ladder's rendition with the source's length and date.
hls::MediaSegment entry(const Offering& offering, const Rendition& rendition, std::size_t place) {
  const Segment& segment = offering.listing.offered[place];
  hls::MediaSegment made = entry(segment, rendition.segments[place]);
  if (!rendition.is_made()) return made;
  const TrackSpan* const leading = segment.track(segment.leading_track);
  made.duration_us = leading == nullptr ? segment.duration_us : leading->duration_us;
  made.program_date_time = segment.start_wall;
  if (rendition.is_promised(place) && made.gap) {
    made.gap = false;
    made.map_uri = to_string(init_name(segment, *rendition.planned));
  }
  return made;
}

const Parts& parts_of(const Segment& segment, const std::optional<RenditionSegment>& own) {
  return own ? own->span.parts : leading_parts(segment);
}

// No part is listed longer than the list promises. Of a gap those that are there come first.
void list_parts(hls::MediaSegment& entry, const Segment& segment, const std::optional<RenditionSegment>& own,
                const Rendition& rendition, std::int64_t part_target_us) {
  const auto add = [&](const Part& part, const std::string& name, bool gap) {
    entry.parts.push_back({name, std::min(part.duration_us, part_target_us), part.independent, gap});
  };
  const auto cut_off = rendition.cut_off.find(segment.media_sequence);
  const RenditionSegment* const there = own                                  ? &*own
                                        : cut_off != rendition.cut_off.end() ? &cut_off->second
                                                                             : nullptr;
  if (there != nullptr) {
    for (const Part& part : there->span.parts)
      add(part, to_string(part_name(segment, *there, part.number)), false);
  }
  const Parts& all = parts_of(segment, own);
  for (std::size_t i = entry.parts.size(); i < all.size(); ++i)
    add(all[i], "gap" + std::to_string(i) + '-' + entry.uri, true);
}

// How many parts list_parts() has of it.
std::size_t count_parts(const Segment& segment, const std::optional<RenditionSegment>& own,
                        const Rendition& rendition) {
  const auto cut_off = rendition.cut_off.find(segment.media_sequence);
  const std::size_t there = cut_off == rendition.cut_off.end() ? 0 : cut_off->second.span.parts.size();
  return std::max(parts_of(segment, own).size(), own ? 0 : there);
}

std::int64_t length_us(const std::vector<hls::PartialSegment>& parts) {
  std::int64_t sum_us = 0;
  for (const hls::PartialSegment& part : parts) sum_us += part.duration_us;
  return sum_us;
}

hls::RenditionReport report(const Offering& offering, const Rendition& rendition) {
  const hls::ListEnd end = list_end(offering, rendition);
  hls::RenditionReport report;
  report.uri = "../" + to_string(rendition.name) + '/' + std::string(kPlaylistName);
  report.last_media_sequence = end.last_segment + (end.parts_of_growing > 0 ? 1 : 0);
  const std::uint64_t parts = end.parts_of_growing > 0 ? end.parts_of_growing : end.parts_of_last;
  if (parts > 0) report.last_part = parts - 1;
  return report;
}

// Of the others that have ever had anything: v0 and a0 have a list whether or not there is such a track.
std::vector<hls::RenditionReport> reports(const Offering& offering, const Rendition& rendition) {
  std::vector<hls::RenditionReport> reports;
  for (const Rendition& other : offering.renditions) {
    if (other.is_idle) continue;
    const bool has_something = other.growing || std::any_of(other.segments.begin(), other.segments.end(),
                                                            [](const auto& own) { return own.has_value(); });
    if (other.name != rendition.name && has_something) reports.push_back(report(offering, other));
  }
  return reports;
}

void add_growing(const Offering& offering, const Rendition& rendition, const std::string& last_map,
                 hls::LowLatency& edge) {
  const Segment* const grows = growing_segment(offering, rendition);
  if (grows == nullptr) return;
  if (rendition.growing || has_growing_gap(offering, rendition)) {
    hls::MediaSegment growing = entry(*grows, rendition.growing);
    if (growing.map_uri.empty()) growing.map_uri = last_map;
    list_parts(growing, *grows, rendition.growing, rendition, offering.listing.part_target_us);
    if (growing.parts.empty() && growing.map_uri != last_map) edge.hinted_map = growing.map_uri;
    edge.growing = std::move(growing);
  }
  if (rendition.next_part) edge.hinted_part = to_string(*rendition.next_part);
}

// Parts are listed of the newest timeline only: those before a discontinuity are no live edge any more. An
// encoder that is cut off ends with a part of any length, and hls.js 1.7, which takes one of less than its
// tolerance for holes for loaded, would look for nothing behind it as long as it is listed.
void add_low_latency(const Offering& offering, const Rendition& rendition, hls::MediaPlaylist& playlist) {
  const Listing& listing = offering.listing;
  const std::int64_t target_us = listing.target_duration_seconds * kMicroseconds;
  hls::LowLatency edge{.part_target_us = listing.part_target_us,
                       .part_hold_back_us = kPartHoldBackParts * listing.part_target_us,
                       .hold_back_us = kHoldBackTargets * target_us,
                       .can_skip_until_us = kSkipTargets * target_us};
  add_growing(offering, rendition, playlist.segments.back().map_uri, edge);
  const bool grows = edge.growing && !edge.growing->parts.empty();
  const std::uint64_t timeline = (grows ? *edge.growing : playlist.segments.back()).discontinuity_sequence;
  std::int64_t behind_us = edge.growing ? length_us(edge.growing->parts) : 0;
  for (std::size_t i = playlist.segments.size(); i-- > 0 && behind_us < kPartTargets * target_us;) {
    if (playlist.segments[i].discontinuity_sequence != timeline) break;
    const std::size_t offered = listing.first_listed + i;
    if (!rendition.is_promised(offered))
      list_parts(playlist.segments[i], listing.offered[offered], rendition.segments[offered], rendition,
                 listing.part_target_us);
    behind_us += playlist.segments[i].duration_us;
  }
  edge.reports = reports(offering, rendition);
  playlist.low_latency = std::move(edge);
}

hls::Skip skip_of(PlaylistForm form) {
  if (form == PlaylistForm::kDelta) return hls::Skip::kSegments;
  return form == PlaylistForm::kDeltaOfDates ? hls::Skip::kDateRanges : hls::Skip::kNothing;
}

}  // namespace

std::string media_playlist(const Offering& offering, const Rendition& rendition, PlaylistForm form) {
  const Listing& listing = offering.listing;
  hls::MediaPlaylist playlist;
  playlist.target_duration_seconds = listing.target_duration_seconds;
  playlist.media_sequence = listing.offered[listing.first_listed].media_sequence;
  playlist.ended = listing.ended && rendition.behind == 0;
  playlist.independent_segments = is_independent(offering, rendition);
  for (std::size_t i = listing.first_listed; i < rendition.end(); ++i)
    playlist.segments.push_back(entry(offering, rendition, i));
  fill_maps(playlist.segments, map_before(offering, rendition));
  // Who plays the past has most of its long list already.
  if (offering.is_recording)
    playlist.can_skip_until_us = kSkipTargets * listing.target_duration_seconds * kMicroseconds;
  playlist.date_ranges = offering.date_ranges;
  playlist.removed_date_ranges = offering.removed_date_ranges;
  if (form != PlaylistForm::kPlain && listing.part_target_us != 0)
    add_low_latency(offering, rendition, playlist);
  return hls::serialize(playlist, skip_of(form));
}

hls::ListEnd list_end(const Offering& offering, const Rendition& rendition) {
  const std::size_t last = rendition.end() - 1;
  const Segment& segment = offering.listing.offered[last];
  hls::ListEnd end{.last_segment = segment.media_sequence,
                   .parts_of_last = rendition.is_promised(last)
                                        ? 0
                                        : count_parts(segment, rendition.segments[last], rendition),
                   .part_target_us = offering.listing.part_target_us};
  const Segment* const grows = growing_segment(offering, rendition);
  if (grows != nullptr && (rendition.growing || has_growing_gap(offering, rendition)))
    end.parts_of_growing = count_parts(*grows, rendition.growing, rendition);
  return end;
}

}  // namespace millrace::packaging
