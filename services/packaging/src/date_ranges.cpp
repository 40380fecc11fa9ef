#include "date_ranges.hpp"

#include <algorithm>
#include <limits>

#include "containers/mp4/event_message.hpp"

namespace millrace::packaging {
namespace {

using Kind = codecs::SpliceInfo::Kind;
using Splice = hls::DateRange::Splice;

std::int64_t microseconds(std::uint64_t ticks) {
  return static_cast<std::int64_t>(ticks / codecs::SpliceInfo::kTicks * 1'000'000 +
                                   ticks % codecs::SpliceInfo::kTicks * 1'000'000 /
                                       codecs::SpliceInfo::kTicks);
}

constexpr WallTime kNever = WallTime::from_us(std::numeric_limits<std::int64_t>::max());

// As lists have dates: an end less a beginning is the duration.
WallTime in_milliseconds(WallTime time) {
  return WallTime::from_us(time.us() / 1000 * 1000);
}

}  // namespace

void DateRanges::update(const Listing& listing) {
  if (listing.first_listed >= listing.offered.size()) {
    *this = {};
    return;
  }
  const Segment& newest = listing.growing ? *listing.growing : listing.offered.back();
  if (newest.media_sequence < media_sequence_) *this = {};
  // Also what is listed no more: a break that began there may go on.
  for (const Segment& segment : listing.offered) take(segment);
  if (listing.growing) take(*listing.growing);
  const WallTime begin = listing.offered[listing.first_listed].start_wall;
  for (auto place = ranges_.begin(); place != ranges_.end();) {
    if (place->end >= begin) {
      ++place;
      continue;
    }
    const auto index = place - ranges_.begin();
    remove(place, begin);
    place = ranges_.begin() + index;
  }
  while (!removed_.empty() && begin - removed_.front().at > kRemovedForUs) removed_.pop_front();
}

void DateRanges::take(const Segment& segment) {
  if (segment.media_sequence < media_sequence_) return;
  for (const auto& splice : segment.splices) {
    const bool known = segment.media_sequence == media_sequence_ && segment.publication_id == publication_ &&
                       splice->record < next_record_;
    if (known) continue;
    media_sequence_ = segment.media_sequence;
    publication_ = segment.publication_id;
    next_record_ = splice->record + 1;
    add(*splice, segment.publication_id);
  }
}

// Encoders say the same again for players that come later.
bool DateRanges::is_another(const Range& open, const SpliceEvent& splice, PublicationId publication) {
  const auto& plan = open.range.planned_duration_us;
  return plan ? open.range.start + *plan <= splice.start : open.publication != publication;
}

void DateRanges::add(const SpliceEvent& splice, PublicationId publication) {
  Range* open = find_open(splice.splice);
  if (open != nullptr && splice.splice.kind == Kind::kOut) {
    if (!is_another(*open, splice, publication)) return;
    open->open = false;
    open->end = std::min(open->end, in_milliseconds(splice.start));
  }
  if (open != nullptr && splice.splice.kind == Kind::kIn && splice.start <= open->end)
    return close(*open, splice);
  if (open != nullptr && splice.splice.kind == Kind::kCancel && open->range.start > splice.told) {
    const auto place =
        std::find_if(ranges_.begin(), ranges_.end(), [&](const Range& range) { return &range == open; });
    return remove(place, splice.told);
  }
  ranges_.push_back(made_of(splice, publication));
  keep_within_bounds(splice.told);
}

DateRanges::Range DateRanges::made_of(const SpliceEvent& splice, PublicationId publication) {
  Range made;
  made.event_id = splice.splice.event_id;
  made.segmentation = splice.splice.segmentation;
  made.publication = publication;
  made.range.id = "splice-" + std::to_string(made.event_id) + '-' + publication_text(publication) + '-' +
                  std::to_string(splice.record);
  made.range.scheme = mp4::kSpliceScheme;
  made.range.start = made.end = in_milliseconds(splice.start);
  made.range.section = splice.section;
  if (splice.splice.kind != Kind::kOut) return made;
  made.open = true;
  made.range.splice = Splice::kOut;
  made.end = kNever;
  if (splice.splice.duration == 0) return made;
  made.range.planned_duration_us = microseconds(splice.splice.duration);
  made.end = made.range.start + *made.range.planned_duration_us + kOverrunUs;
  return made;
}

// The same id and start, and what only now is known.
void DateRanges::close(Range& out, const SpliceEvent& splice) {
  out.open = false;
  Range in = out;
  in.range.planned_duration_us.reset();
  in.range.splice = Splice::kIn;
  in.range.section = splice.section;
  in.range.end = std::max(in_milliseconds(splice.start), out.range.start + 1000);
  out.end = in.end = *in.range.end;
  ranges_.push_back(std::move(in));
  keep_within_bounds(splice.told);
}

void DateRanges::keep_within_bounds(WallTime now) {
  std::size_t bytes = 0;
  for (const Range& range : ranges_) bytes += range.range.section.size();
  while (ranges_.size() > 1 && (ranges_.size() > kMost || bytes > kMostBytes)) {
    const std::string id = ranges_.front().range.id;
    for (const Range& range : ranges_) bytes -= range.range.id == id ? range.range.section.size() : 0;
    remove(ranges_.begin(), now);
  }
}

DateRanges::Range* DateRanges::find_open(const codecs::SpliceInfo& splice) {
  for (Range& range : ranges_) {
    if (range.open && range.event_id == splice.event_id && range.segmentation == splice.segmentation)
      return &range;
  }
  return nullptr;
}

// Ranges of an id leave together.
void DateRanges::remove(std::deque<Range>::iterator place, WallTime now) {
  const std::string id = place->range.id;
  std::erase_if(ranges_, [&](const Range& range) { return range.range.id == id; });
  removed_.push_back({id, now});
  if (removed_.size() > kMostRemoved) removed_.pop_front();
}

std::vector<hls::DateRange> DateRanges::listed() const {
  std::vector<hls::DateRange> listed;
  listed.reserve(ranges_.size());
  for (const Range& range : ranges_) listed.push_back(range.range);
  return listed;
}

std::vector<std::string> DateRanges::removed() const {
  std::vector<std::string> ids;
  ids.reserve(removed_.size());
  for (const Removed& removed : removed_) ids.push_back(removed.id);
  return ids;
}

}  // namespace millrace::packaging
