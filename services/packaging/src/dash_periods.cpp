#include "dash_periods.hpp"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <numeric>
#include <optional>

#include "bandwidth.hpp"

namespace millrace::packaging {
namespace {

constexpr std::int64_t kMicroseconds = 1'000'000;
constexpr std::int64_t kNanoseconds = 1'000'000'000;

// Of the first rendition that has something in the segment: all tracks have one mapping. Its date less its
// time on the timeline.
std::optional<std::int64_t> wall_offset_us(const Offering& offering, std::size_t place) {
  for (const Rendition& rendition : offering.renditions) {
    if (rendition.is_made()) continue;
    const auto& own = rendition.segments[place];
    if (own) return own->span.start_wall.us() - decoded_us(*own);
  }
  return std::nullopt;
}

// A discontinuity begins with what comes first in any track. Within one the picture says where: the sound
// goes on across the boundary.
std::int64_t beginning_us(const Offering& offering, std::size_t place, bool discontinuity) {
  std::optional<std::int64_t> first;
  for (const Rendition& rendition : offering.renditions) {
    const auto& own = rendition.segments[place];
    if (!own || rendition.is_made()) continue;
    if (!discontinuity && rendition.is_video()) return presented_us(*own);
    first = std::min(first.value_or(decoded_us(*own)), decoded_us(*own));
  }
  return std::max<std::int64_t>(first.value_or(0), 0);
}

// The same renditions, what is needed to decode them, and one template for their names. What is made of the
// source comes and goes without a word to who watches that.
bool same_content(const Offering& offering, std::size_t one, std::size_t other) {
  const auto& segments = offering.listing.offered;
  if (name_template(segment_name(segments[one])).base != name_template(segment_name(segments[other])).base)
    return false;
  return std::all_of(offering.renditions.begin(), offering.renditions.end(), [&](const Rendition& rendition) {
    const auto& a = rendition.segments[one];
    const auto& b = rendition.segments[other];
    if (rendition.is_made() && (!a || !b)) return true;
    if (rendition.is_made()) return a->description->digest == b->description->digest;
    return a.has_value() == b.has_value() && (!a || a->description == b->description);
  });
}

// Where the gap before the segment begins; the segment itself where there is none.
std::size_t gap_before(const Listing& listing, std::size_t place) {
  while (place > 0 && listing.offered[place - 1].is_gap) --place;
  return place;
}

// The rendition that segments are cut by: the first picture, else the first sound. nullptr: the segment has
// nothing.
const RenditionSegment* leading_segment(const Offering& offering, std::size_t place) {
  for (const Rendition& rendition : offering.renditions) {
    const auto& own = rendition.segments[place];
    if (own && !rendition.is_made()) return &*own;
  }
  return nullptr;
}

std::int64_t nanoseconds(std::int64_t ticks, const RenditionSegment& segment) {
  const std::int64_t timescale = segment.description->timing.timescale;
  return ticks / timescale * kNanoseconds + ticks % timescale * kNanoseconds / timescale;
}

std::int64_t length_ns(const RenditionSegment& segment) {
  return nanoseconds(segment.span.last_dts - segment.span.first_dts + segment.span.last_duration, segment);
}

// Within a frame.
bool has_length(const RenditionSegment& segment, std::int64_t wanted_ns) {
  const std::int64_t length = length_ns(segment);
  return std::abs(length - wanted_ns) <= length / std::max<std::int64_t>(segment.span.samples, 1);
}

std::int64_t most_deviation_us(const Listing& listing) {
  return std::int64_t{listing.part_target_us} / 2;
}

bool is_on_grid(const Offering& offering, std::size_t place, const DashPeriod& period) {
  const RenditionSegment* const leading = leading_segment(offering, place);
  if (leading == nullptr) return false;
  const auto number =
      static_cast<std::int64_t>(offering.listing.offered[place].media_sequence - period.first_segment);
  const std::int64_t place_us = period.grid_us + number * period.grid_ns / 1000;
  return std::abs(presented_us(*leading) - place_us) <= most_deviation_us(offering.listing);
}

// The length of the last three segments up to this one, if it is one: by their frames where the encoder says
// how many there are a second, else by their times. 0: they differ.
std::int64_t even_length_ns(const Offering& offering, std::size_t place) {
  constexpr std::size_t kCount = DashPeriods::kEvenSegments;
  const RenditionSegment* const last = leading_segment(offering, place);
  if (place + 1 < kCount || last == nullptr) return 0;
  std::int64_t sum_ns = 0;
  bool same_frames = true;
  for (std::size_t i = place + 1 - kCount; i <= place; ++i) {
    const RenditionSegment* const leading = leading_segment(offering, i);
    if (leading == nullptr || leading->description != last->description) return 0;
    sum_ns += length_ns(*leading);
    same_frames = same_frames && leading->span.samples == last->span.samples;
  }
  std::int64_t length = sum_ns / static_cast<std::int64_t>(kCount);
  const auto rate = last->description->frames_per_second;
  if (same_frames && rate && *rate > 0) {
    const auto by_frames = std::llround(last->span.samples * 1e9 / *rate);
    if (has_length(*last, by_frames)) length = by_frames;
  }
  for (std::size_t i = place + 1 - kCount; i <= place; ++i) {
    if (!has_length(*leading_segment(offering, i), length)) return 0;
  }
  return length;
}

// Nothing of its timeline follows.
bool ends_timeline(const Listing& listing, std::size_t place) {
  if (place + 1 == listing.offered.size()) return !listing.goes_on();
  const Segment& segment = listing.offered[place];
  const Segment& next = listing.offered[place + 1];
  return next.publication_id != segment.publication_id ||
         next.discontinuity_sequence != segment.discontinuity_sequence;
}

// What all Periods have that begin with a segment or before it.
DashPeriod period_at(const Offering& offering, std::size_t place, bool discontinuity,
                     std::int64_t offset_us) {
  const Segment& segment = offering.listing.offered[place];
  DashPeriod period;
  period.discontinuity_sequence = segment.discontinuity_sequence;
  period.id = std::to_string(segment.discontinuity_sequence);
  period.first_segment = period.seen_segment = segment.media_sequence;
  period.end_segment = segment.media_sequence + 1;
  period.time_us = beginning_us(offering, place, discontinuity);
  period.start = WallTime::from_us(period.time_us + offset_us);
  const RenditionSegment* const leading = leading_segment(offering, place);
  period.grid_us = leading == nullptr ? period.time_us : presented_us(*leading);
  return period;
}

DashPeriod begin_later(const Offering& offering, std::size_t place, std::int64_t offset_us) {
  DashPeriod period = period_at(offering, place, false, offset_us);
  period.id += '.' + std::to_string(period.first_segment);
  return period;
}

// A Period that has both has one template for their names.
bool share_template(const Segment& segment, std::uint64_t media_sequence) {
  SegmentName other = segment_name(segment);
  other.media_sequence = media_sequence;
  return name_template(other).base == name_template(segment_name(segment)).base;
}

// As the log says it of a timeline's beginning: by its second segment.
std::int64_t settled_offset_us(const Offering& offering, std::size_t place, std::int64_t offset_us) {
  const auto& segments = offering.listing.offered;
  if (ends_timeline(offering.listing, place) || place + 1 == segments.size()) return offset_us;
  return wall_offset_us(offering, place + 1).value_or(offset_us);
}

// The first one of a discontinuity, which may have begun before the segment: then it is this Period if the
// dates are still those of its beginning. Those of its first segment need not be (media::TimelineBeginning).
DashPeriod begin_first(const Offering& offering, std::size_t place, std::int64_t offset_us) {
  DashPeriod period = period_at(offering, place, true, offset_us);
  const media::TimelineBeginning* const known = offering.listing.timeline(period.discontinuity_sequence);
  if (known == nullptr || known->media_sequence > period.first_segment) {
    period.start = WallTime::from_us(period.time_us + settled_offset_us(offering, place, offset_us));
    return period;
  }
  const bool later = known->media_sequence < period.first_segment;
  const std::int64_t drift_us = offset_us - (known->wall.us() - known->time_us);
  const std::int64_t target_us = std::int64_t{offering.listing.target_duration_seconds} * kMicroseconds;
  if ((later && std::abs(drift_us) > target_us / 2) ||
      !share_template(offering.listing.offered[place], known->media_sequence))
    return begin_later(offering, place, offset_us);
  period.first_segment = known->media_sequence;
  period.time_us = known->time_us;
  period.start = known->wall;
  return period;
}

std::uint64_t rounded_up(std::uint64_t bits) {
  std::uint64_t unit = 1;
  while (bits / unit >= 100) unit *= 10;
  return (bits + unit - 1) / unit * unit;
}

}  // namespace

std::uint64_t DashPeriods::segments() const {
  return std::accumulate(periods_.begin(), periods_.end(), std::uint64_t{0},
                         [](std::uint64_t count, const DashPeriod& period) {
                           return count + period.end_segment - period.seen_segment;
                         });
}

void DashPeriods::update(const Offering& offering) {
  const auto& segments = offering.listing.offered;
  if (segments.empty()) {
    shown_ = false;
    return periods_.clear();
  }
  std::erase_if(periods_, [&](const DashPeriod& period) {
    return period.end_segment <= segments.front().media_sequence;
  });
  shown_ = shown_ && !periods_.empty();
  for (std::size_t i = 0; i < segments.size(); ++i) {
    if (periods_.empty() || segments[i].media_sequence >= periods_.back().end_segment) add(offering, i);
    shown_ = shown_ || this->segments() >= kEvenSegments;
  }
  if (!periods_.empty()) measure(offering, periods_.back());
}

void DashPeriods::add(const Offering& offering, std::size_t place) {
  const Segment& segment = offering.listing.offered[place];
  if (goes_on(offering, place)) {
    DashPeriod& last = periods_.back();
    last.end_segment = segment.media_sequence + 1;
    // Nothing has been said of the stream's first Period before.
    const bool decides = !shown_ && segments() == kEvenSegments && periods_.size() == 1;
    if (decides) decide_grid(offering, place);
    return;
  }
  const auto offset_us = wall_offset_us(offering, place);
  if (!offset_us) return;
  if (!periods_.empty()) measure(offering, periods_.back());
  DashPeriod period = begin(offering, place, *offset_us);
  // The wall clock has stepped back: one timeline can't hold both.
  while (!periods_.empty() && periods_.back().start >= period.start) periods_.pop_back();
  periods_.push_back(std::move(period));
}

// With the third segment. One that began before what was seen is a grid if its segments are where such a grid
// has them; if not, the grid is another Period's, whose beginning is not known.
void DashPeriods::decide_grid(const Offering& offering, std::size_t place) {
  DashPeriod& period = periods_.back();
  if (offering.listing.part_target_us == 0) return;
  period.grid_ns = even_length_ns(offering, place);
  if (period.grid_ns == 0 || period.seen_segment == period.first_segment) return;
  const std::size_t first = place + 1 - kEvenSegments;
  const RenditionSegment& leading = *leading_segment(offering, first);
  const auto number = static_cast<std::int64_t>(period.seen_segment - period.first_segment);
  const std::int64_t before_us = number * period.grid_ns / 1000;
  period.grid_us = presented_us(leading) - before_us;
  const std::int64_t off_us = decoded_us(leading) - before_us - period.time_us;
  if (std::abs(off_us) <= most_deviation_us(offering.listing)) return;
  const std::int64_t grid_ns = period.grid_ns;
  const std::uint64_t end = period.end_segment;
  period = begin_later(offering, first, *wall_offset_us(offering, first));
  period.grid_ns = grid_ns;
  period.end_segment = end;
}

DashPeriod DashPeriods::begin(const Offering& offering, std::size_t place, std::int64_t offset_us) const {
  const Segment& segment = offering.listing.offered[place];
  const Segment& expected = offering.listing.offered[gap_before(offering.listing, place)];
  const bool follows = !periods_.empty() && periods_.back().end_segment == expected.media_sequence;
  const bool within = follows && periods_.back().discontinuity_sequence == segment.discontinuity_sequence;
  DashPeriod period =
      within ? begin_later(offering, place, offset_us) : begin_first(offering, place, offset_us);
  if (follows) period.grid_ns = grid_after(offering, place);
  return period;
}

// Of a Period that begins with the segment: that of the one before, unless the segment is what ends it; or
// the one that the last segments show.
std::int64_t DashPeriods::grid_after(const Offering& offering, std::size_t place) const {
  const DashPeriod& last = periods_.back();
  if (offering.listing.part_target_us == 0) return 0;
  const RenditionSegment* const leading = leading_segment(offering, place);
  if (last.grid_ns == 0) {
    const bool even = last.end_segment - last.seen_segment >= kEvenSegments &&
                      last.discontinuity_sequence == offering.listing.offered[place].discontinuity_sequence;
    return even && place >= kEvenSegments ? even_length_ns(offering, place - 1) : 0;
  }
  const bool same_timeline =
      last.discontinuity_sequence == offering.listing.offered[place].discontinuity_sequence;
  const bool fits = leading != nullptr && has_length(*leading, last.grid_ns) &&
                    (!same_timeline || is_on_grid(offering, place, last));
  return fits ? last.grid_ns : 0;
}

bool DashPeriods::goes_on(const Offering& offering, std::size_t place) const {
  if (periods_.empty() || place == 0) return false;
  const DashPeriod& last = periods_.back();
  const Listing& listing = offering.listing;
  const Segment& segment = listing.offered[place];
  const auto offset_us = wall_offset_us(offering, place);
  if (last.end_segment != segment.media_sequence || !offset_us) return false;
  if (last.discontinuity_sequence != segment.discontinuity_sequence) return false;
  if (!same_content(offering, place - 1, place)) return false;
  const std::int64_t drift_us = std::abs(*offset_us - (last.start.us() - last.time_us));
  if (last.grid_ns != 0) {
    if (ends_timeline(listing, place)) return true;
    const RenditionSegment* const leading = leading_segment(offering, place);
    return drift_us <= most_deviation_us(listing) && is_on_grid(offering, place, last) &&
           leading != nullptr && has_length(*leading, last.grid_ns);
  }
  const std::int64_t target_us = std::int64_t{listing.target_duration_seconds} * kMicroseconds;
  return drift_us <= target_us / 2 && grid_after(offering, place) == 0;
}

void DashPeriods::measure(const Offering& offering, DashPeriod& period) const {
  for (const Rendition& rendition : offering.renditions) {
    std::vector<TrackSpan> spans;
    for (std::size_t i = 0; i < rendition.segments.size(); ++i) {
      if (rendition.segments[i] && period.holds(offering.listing.offered[i]))
        spans.push_back(rendition.segments[i]->span);
    }
    if (spans.empty()) continue;
    const Bandwidth own = bandwidth(spans, offering.listing.target_duration_seconds * kMicroseconds);
    std::uint64_t& known = period.bandwidth[rendition.name];
    known = std::max(known, rounded_up(own.peak));
  }
}

}  // namespace millrace::packaging
