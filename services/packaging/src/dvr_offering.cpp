#include "dvr_offering.hpp"

#include <algorithm>
#include <limits>
#include <optional>
#include <set>

#include "media/segment_rule.hpp"

namespace millrace::packaging {
namespace {

// One segment from either side, or a gap.
struct Entry {
  Segment segment;
  const RecordedSegment* recorded = nullptr;
  std::optional<std::size_t> live{};  // place in the live offering
};

// Nobody has it.
bool is_gap(const Entry& entry) {
  return entry.recorded == nullptr && !entry.live;
}

bool is_listed_live(const Offering& live, std::uint64_t media_sequence) {
  return live.is_listed() && media_sequence >= live.listing.offered[live.listing.first_listed].media_sequence;
}

// Both sides in one row, oldest first, numbers growing; what one lacks may be missing.
std::vector<Entry> merged(const std::vector<RecordedSegmentPtr>& recorded, const Offering* live) {
  std::vector<Entry> entries;
  entries.reserve(recorded.size() + 64);
  for (const RecordedSegmentPtr& segment : recorded) {
    if (live != nullptr && is_listed_live(*live, segment->segment.media_sequence)) break;
    entries.push_back({segment->segment, segment.get()});
  }
  if (live == nullptr || live->listing.offered.empty()) return entries;
  // What was recorded has higher numbers than the log: the stream began anew.
  const bool restarted =
      !entries.empty() && entries.back().segment.media_sequence > live->listing.offered.back().media_sequence;
  if (restarted) entries.clear();
  // The log's lead over the recordings; what has just left the live list is in the recordings as a rule.
  for (std::size_t i = 0; i < live->listing.offered.size(); ++i) {
    const Segment& segment = live->listing.offered[i];
    if (!entries.empty() && segment.media_sequence <= entries.back().segment.media_sequence) continue;
    entries.push_back({segment, nullptr, i});
    for (TrackSpan& span : entries.back().segment.tracks) span.parts = Parts();
  }
  return entries;
}

std::uint32_t target_duration_s(const std::vector<RecordedSegmentPtr>& recorded, const Offering* live) {
  if (live != nullptr && !live->listing.offered.empty()) return live->listing.target_duration_seconds;
  return recorded.empty() ? 0 : recorded.back()->log.target_duration_s;
}

// gaps: so many stand before the newer one already.
bool may_stand_before(const Entry& entry, const Entry& newer, const Entry& newest, std::uint64_t gaps,
                      std::uint32_t target_s, bool for_strangers, const DvrRequest& request) {
  const Segment& segment = entry.segment;
  const std::uint64_t missing =
      gaps + newer.segment.media_sequence - segment.media_sequence - (is_gap(entry) ? 0 : 1);
  if (missing > kMostGaps || segment.media_sequence < request.not_before) return false;
  if (segment.discontinuity_sequence > newer.segment.discontinuity_sequence) return false;
  if (newest.segment.start_wall - segment.start_wall > request.window_us) return false;
  if (entry.recorded == nullptr) return true;  // it was shown, to the same ones
  return entry.recorded->log.target_duration_s == target_s &&
         !(for_strangers && entry.recorded->log.is_private);
}

// What lists have shown of what neither side has, in its place before what there is.
std::vector<Entry> with_shown(std::vector<Entry> entries, const std::map<std::uint64_t, Segment>& shown) {
  std::vector<Entry> all;
  all.reserve(entries.size() + shown.size());
  auto gap = shown.begin();
  for (Entry& entry : entries) {
    const std::uint64_t number = entry.segment.media_sequence;
    for (; gap != shown.end() && gap->first < number; ++gap) all.push_back({gap->second});
    if (gap != shown.end() && gap->first == number) ++gap;
    all.push_back(std::move(entry));
  }
  return all;
}

// Segments that neither side has and no list has shown: as long together as there is time, and each as a list
// may have it.
void add_gaps(std::vector<Entry>& row, const Segment& next, std::int64_t longest_us) {
  const Segment before = row.back().segment;
  const std::uint64_t count = next.media_sequence - before.media_sequence - 1;
  if (count == 0) return;
  WallTime begin = before.start_wall + before.duration_us;
  const std::int64_t length_us = std::clamp<std::int64_t>(
      (next.start_wall - begin) / static_cast<std::int64_t>(count), 1'000, longest_us);
  for (std::uint64_t i = 1; i <= count; ++i) {
    Entry gap;
    gap.segment.publication_id = before.publication_id;
    gap.segment.incarnation = before.incarnation;
    gap.segment.media_sequence = before.media_sequence + i;
    gap.segment.discontinuity_sequence = before.discontinuity_sequence;
    gap.segment.start_wall = begin;
    gap.segment.duration_us = length_us;
    gap.segment.is_gap = true;
    row.push_back(std::move(gap));
    begin += length_us;
  }
}

// Without holes.
std::vector<Entry> row_of(std::vector<Entry> entries, std::uint32_t target_s, bool for_strangers,
                          const DvrRequest& request) {
  std::size_t first = entries.size() - 1;
  std::uint64_t gaps = 0;  // in a row
  while (first > 0 && may_stand_before(entries[first - 1], entries[first], entries.back(), gaps, target_s,
                                       for_strangers, request)) {
    --first;
    gaps = is_gap(entries[first])
               ? gaps + entries[first + 1].segment.media_sequence - entries[first].segment.media_sequence
               : 0;
  }
  const std::int64_t longest_us = media::longest_segment_us(target_s);
  std::vector<Entry> row;
  row.reserve(entries.size() - first);
  for (std::size_t i = first; i < entries.size(); ++i) {
    Entry& entry = entries[i];
    // As SegmentIndex lists them.
    entry.segment.duration_us = std::min(entry.segment.duration_us, longest_us);
    for (TrackSpan& span : entry.segment.tracks) span.duration_us = std::min(span.duration_us, longest_us);
    if (!row.empty()) add_gaps(row, entry.segment, longest_us);
    row.push_back(std::move(entry));
  }
  return row;
}

// The same rule as for a segment in the log (Presentation): a track that came back too late for the segment
// is a gap in it.
std::optional<RenditionSegment> share(const Entry& entry, const RenditionName& name, const Segment* before) {
  if (!has_track(entry.segment, name)) return std::nullopt;
  for (std::size_t i = 0; i < entry.segment.tracks.size(); ++i) {
    const TrackSpan& span = entry.segment.tracks[i];
    if (span.track != track_of(name)) continue;
    if (span.parts_missed > 0 && before != nullptr && !has_track(*before, name)) return std::nullopt;
    return RenditionSegment{span, entry.recorded->descriptions[i], {}};
  }
  return std::nullopt;
}

const Rendition* find(const Offering& offering, const RenditionName& name) {
  const auto found = std::find_if(offering.renditions.begin(), offering.renditions.end(),
                                  [&](const Rendition& rendition) { return rendition.name == name; });
  return found == offering.renditions.end() ? nullptr : &*found;
}

std::set<RenditionName> names_of(const std::vector<Entry>& row, const Offering* live) {
  std::set<RenditionName> names = {{media::TrackKind::kVideo, 0}, {media::TrackKind::kAudio, 0}};
  if (live != nullptr) {
    for (const Rendition& rendition : live->renditions) {
      if (!rendition.is_made()) names.insert(rendition.name);  // ladders are not recorded
    }
  }
  for (const Entry& entry : row) {
    for (const TrackSpan& span : entry.segment.tracks) names.insert(rendition_name(span.kind, span.track));
  }
  return names;
}

Rendition rendition_of(const std::vector<Entry>& row, const RenditionName& name, const Offering* live,
                       std::size_t first_current) {
  Rendition made;
  made.name = name;
  made.segments.reserve(row.size());
  const Rendition* const own = live == nullptr ? nullptr : find(*live, name);
  const Segment* before = nullptr;
  for (const Entry& entry : row) {
    if (entry.live) {
      made.segments.push_back(own == nullptr ? std::nullopt : own->segments[*entry.live]);
      if (made.segments.back()) made.segments.back()->span.parts = Parts();
    } else {
      made.segments.push_back(entry.recorded == nullptr ? std::nullopt : share(entry, name, before));
    }
    // Like SegmentIndex, whose durations are what is listed.
    if (made.segments.back()) {
      const TrackSpan* const listed = entry.segment.track(track_of(name));
      if (listed != nullptr) made.segments.back()->span.duration_us = listed->duration_us;
    }
    if (!entry.segment.tracks.empty()) before = &entry.segment;
  }
  made.current = std::any_of(made.segments.begin() + static_cast<std::ptrdiff_t>(first_current),
                             made.segments.end(), [](const auto& segment) { return segment.has_value(); });
  return made;
}

// Up to the newest one all begin with a whole picture of the first video track.
bool is_independent(const std::vector<Entry>& row, const Offering* live) {
  if (live != nullptr && !live->listing.independent) return false;
  const std::uint64_t newest = row.back().segment.media_sequence;
  return std::none_of(row.begin(), row.end(), [&](const Entry& entry) {
    const std::uint64_t first = entry.recorded == nullptr ? 0 : entry.recorded->log.first_dependent_segment;
    return first != 0 && first <= newest;
  });
}

}  // namespace

bool is_private(const std::vector<RecordedSegmentPtr>& recorded, const Offering* live) {
  if (live != nullptr) return live->is_private;
  return !recorded.empty() && recorded.back()->log.is_private;
}

std::shared_ptr<Offering> dvr_offering(const std::vector<RecordedSegmentPtr>& recorded, const Offering* live,
                                       const DvrRequest& request) {
  std::vector<Entry> entries = merged(recorded, live);
  const std::uint32_t target_s = target_duration_s(recorded, live);
  const bool private_too = request.is_private.value_or(is_private(recorded, live));
  const auto is_hidden = [&](const Entry& entry) {
    return !private_too && entry.recorded != nullptr && entry.recorded->log.is_private;
  };
  while (!entries.empty() && is_hidden(entries.back())) entries.pop_back();
  if (entries.empty() || target_s == 0) return nullptr;
  const std::vector<Entry> row =
      row_of(with_shown(std::move(entries), request.gaps), target_s, !private_too, request);
  auto made = std::make_shared<Offering>();
  if (live != nullptr) made->stream_id = live->stream_id;
  made->is_private = private_too;
  made->list_name = kDvrPlaylistName;
  made->is_recording = true;
  Listing& listing = made->listing;
  listing.target_duration_seconds = target_s;
  listing.independent = is_independent(row, live);
  listing.ended = live == nullptr ? request.ended : live->listing.ended;
  listing.long_ended = live == nullptr ? request.ended : live->listing.long_ended;
  listing.grace_us = live == nullptr ? 0 : live->listing.grace_us;
  if (live != nullptr) listing.timelines = live->listing.timelines;
  for (const Entry& entry : row) listing.offered.push_back(entry.segment);
  if (live != nullptr && live->listing.growing) {
    listing.growing = live->listing.growing;
    for (TrackSpan& span : listing.growing->tracks) span.parts = Parts();
  }
  const std::size_t current = first_current(listing);
  for (const RenditionName& name : names_of(row, live))
    made->renditions.push_back(rendition_of(row, name, live, current));
  return made;
}

}  // namespace millrace::packaging
