#include "segment_index.hpp"

#include <algorithm>
#include <limits>
#include <tuple>

#include "media/segment_rule.hpp"

namespace millrace::packaging {
namespace {

// What a player's clock is set by is never beyond what the list promises.
std::int64_t listed_us(const Segment& segment, std::int64_t longest_us) {
  return std::min(segment.duration_us, longest_us);
}

Segment as_listed(Segment segment, std::int64_t longest_us) {
  segment.duration_us = listed_us(segment, longest_us);
  for (TrackSpan& span : segment.tracks) span.duration_us = std::min(span.duration_us, longest_us);
  return segment;
}

}  // namespace

std::size_t Listing::media_end() const {
  std::size_t end = offered.size();
  while (end > 0 && offered[end - 1].is_gap) --end;
  return end;
}

std::size_t Listing::first_described() const {
  return std::min(first_listed, std::max<std::size_t>(media_end(), 1) - 1);
}

const media::TimelineBeginning* Listing::timeline(std::uint32_t discontinuity_sequence) const {
  for (const media::TimelineBeginning& known : timelines) {
    if (known.discontinuity_sequence == discontinuity_sequence) return &known;
  }
  return nullptr;
}

bool PublicationLog::knows_timeline(std::uint32_t discontinuity_sequence) const {
  return std::any_of(timelines.begin(), timelines.end(), [&](const media::TimelineBeginning& known) {
    return known.discontinuity_sequence == discontinuity_sequence;
  });
}

PublicationLog& SegmentIndex::log(PublicationId publication_id, Epoch epoch, std::uint64_t first_sequence,
                                  std::uint32_t incarnation, bool is_slate) {
  for (const auto& known : logs_) {
    if (known->publication_id == publication_id) return *known;
  }
  const auto order = [](const PublicationLog& log) {
    return std::tuple(log.epoch, log.is_slate, log.is_slate ? log.incarnation : 0);
  };
  auto added = std::make_unique<PublicationLog>(publication_id, epoch, first_sequence, incarnation, is_slate);
  const auto place = std::find_if(logs_.begin(), logs_.end(),
                                  [&](const auto& known) { return order(*known) > order(*added); });
  return **logs_.insert(place, std::move(added));
}

void SegmentIndex::forget(PublicationId publication_id) {
  std::erase_if(logs_, [&](const auto& known) { return known->publication_id == publication_id; });
}

void SegmentIndex::trim() {
  for (const auto& known : logs_) known->segments.keep(WindowPolicy::kMostSegments);
}

// The newest segments whose numbers follow one another. A log's count once its target duration is fixed: one
// whose writer died before that never had a list, and the stream's next log is free to fix another.
SegmentIndex::Row SegmentIndex::newest_in_a_row() const {
  Row all;
  for (const auto& known : logs_) {
    if (known->target_duration_s == 0) continue;
    for (const Segment& segment : known->segments.complete()) all.push_back(&segment);
  }
  std::size_t first = all.size();
  while (first > 0 && all.size() - first < WindowPolicy::kMostSegments) {
    if (first < all.size() && all[first - 1]->media_sequence + 1 != all[first]->media_sequence) break;
    --first;
  }
  // Of gaps alone, when all that was before has gone, there is no list.
  if (std::all_of(all.begin() + static_cast<std::ptrdiff_t>(first), all.end(),
                  [](const Segment* segment) { return segment->is_gap; }))
    first = all.size();
  all.erase(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(first));
  return all;
}

// The newest log's, where it goes on from the last complete one. Of a log that has not fixed the target
// duration nothing counts (newest_in_a_row).
std::optional<Segment> SegmentIndex::growing_after(const Segment& last) const {
  const auto& newest = *logs_.back();
  const Segment* const growing = newest.segments.growing();
  if (growing == nullptr || newest.target_duration_s == 0) return std::nullopt;
  if (growing->media_sequence != last.media_sequence + 1) return std::nullopt;
  return *growing;
}

Listing SegmentIndex::listing(std::int64_t now_monotonic_us) const {
  Listing listing;
  listing.target_duration_seconds = target_duration_s();
  listing.part_target_us = part_target_us();
  const std::int64_t target_us = std::int64_t{listing.target_duration_seconds} * 1'000'000;
  const Row segments = newest_in_a_row();
  if (!segments.empty()) {
    listing.growing = growing_after(*segments.back());
    listing.independent = independent_up_to(segments.back()->media_sequence);
  }
  std::size_t listed = first_listed(segments, listing.target_duration_seconds);
  // What has left the list may be asked for as long as a list that had it lasts.
  const std::int64_t longest_us = media::longest_segment_us(listing.target_duration_seconds);
  std::int64_t window_us = target_us;
  for (std::size_t i = listed; i < segments.size(); ++i) window_us += listed_us(*segments[i], longest_us);
  std::size_t held = listed;
  listed = first_staying(segments, listed, window_us, now_monotonic_us);
  while (held > 0 && window_us > 0) window_us -= listed_us(*segments[--held], longest_us);
  // What has come last of the stream stays as long as the gap behind it: lists describe it.
  std::size_t media = segments.size();
  while (media > 0 && segments[media - 1]->is_gap) --media;
  if (media > 0) held = std::min(held, media - 1);
  // And so does what stands before a gap that is still there: what is said of the gap is said by that.
  while (held > 0 && held < segments.size() && segments[held]->is_gap) --held;
  if (media > 0) listing.clock_offset_us = clock_offset_us(segments[media - 1]->publication_id);
  for (std::size_t i = held; i < segments.size(); ++i)
    listing.offered.push_back(as_listed(*segments[i], longest_us));
  listing.first_listed = listed - held;
  for (const auto& known : logs_)
    listing.timelines.insert(listing.timelines.end(), known->timelines.begin(), known->timelines.end());
  listing.grace_us = policy_.reconnect_grace_us;
  const std::int64_t silent = silent_us(now_monotonic_us);
  listing.ended = silent >= grace_us();
  listing.long_ended = silent >= grace_us() + WindowPolicy::kEndToldTargets * target_us;
  return listing;
}

std::int64_t SegmentIndex::clock_offset_us(PublicationId publication_id) const {
  const auto found = std::find_if(logs_.begin(), logs_.end(),
                                  [&](const auto& known) { return known->publication_id == publication_id; });
  return found == logs_.end() ? 0 : (*found)->clock_offset_us;
}

std::int64_t SegmentIndex::longest_window_us(std::int64_t target_us) const {
  std::int64_t longest_us = policy_.longest_us;
  for (const auto& known : logs_)
    longest_us = std::min(longest_us, (known->pinned_limit_us - WindowPolicy::kLeastTargets * target_us) / 2);
  return std::max(longest_us, WindowPolicy::kLeastTargets * target_us);
}

// Who has read a list may ask for what is in it for as long as the list lasts: what the log will have let go
// of by then is not listed any more. Only moves on, for nothing grows younger.
std::size_t SegmentIndex::first_staying(const Row& segments, std::size_t listed, std::int64_t window_us,
                                        std::int64_t now_monotonic_us) const {
  std::int64_t limit_us = std::numeric_limits<std::int64_t>::max();
  for (const auto& known : logs_) limit_us = std::min(limit_us, known->pinned_limit_us);
  const std::int64_t age_us = std::max(limit_us - window_us, limit_us / 2);
  while (listed < segments.size() && now_monotonic_us - segments[listed]->last_arrival_us >= age_us) ++listed;
  return listed;
}

// Never steps back as segments are added: each limit only cuts off more of the front.
std::size_t SegmentIndex::first_listed(const Row& segments, std::uint32_t target_s) const {
  const std::int64_t target_us = std::int64_t{target_s} * 1'000'000;
  const std::int64_t least_us = WindowPolicy::kLeastTargets * target_us;
  const std::int64_t longest_us = longest_window_us(target_us);
  std::size_t first = segments.size();
  std::int64_t length_us = 0;
  while (first > 0) {
    const std::int64_t longer_us =
        length_us + listed_us(*segments[first - 1], media::longest_segment_us(target_s));
    const bool wanted = segments.size() - first < policy_.segments && longer_us <= longest_us;
    if (length_us >= least_us && !wanted) break;
    length_us = longer_us;
    --first;
  }
  return first;
}

// The stream's logs agree. 0: none has fixed it.
std::uint32_t SegmentIndex::target_duration_s() const {
  std::uint32_t fixed = 0;
  for (const auto& known : logs_) fixed = std::max(fixed, known->target_duration_s);
  return fixed;
}

// As the target duration: fixed with it, kept with it.
std::uint32_t SegmentIndex::part_target_us() const {
  std::uint32_t fixed = 0;
  for (const auto& known : logs_) {
    if (known->target_duration_s != 0) fixed = std::max(fixed, known->part_target_us);
  }
  return fixed;
}

// Once a segment does not begin with a whole picture the list never claims again that all do: what a list
// says of itself does not come and go with its window (RFC 8216 6.2.1), nor with packaging.
bool SegmentIndex::independent_up_to(std::uint64_t media_sequence) const {
  return std::none_of(logs_.begin(), logs_.end(), [&](const auto& known) {
    return known->first_dependent_segment != 0 && known->first_dependent_segment <= media_sequence;
  });
}

// What nobody may come back to has ended at once: who waits for more of it would wait in vain.
std::int64_t SegmentIndex::grace_us() const {
  return !logs_.empty() && logs_.back()->was_closed ? 0 : policy_.reconnect_grace_us;
}

// Since nobody publishes it: -1 while somebody does.
std::int64_t SegmentIndex::silent_us(std::int64_t now_monotonic_us) const {
  if (logs_.empty() || !logs_.back()->segments.ended()) return -1;
  std::int64_t last_arrival_us = 0;
  for (const auto& known : logs_) {
    if (!known->is_slate) last_arrival_us = std::max(last_arrival_us, known->segments.last_arrival_us());
  }
  return std::max<std::int64_t>(now_monotonic_us - last_arrival_us, 0);
}

}  // namespace millrace::packaging
