#include "segment_index.hpp"

#include <algorithm>

#include "manifest/hls/media_playlist.hpp"

namespace millrace::packaging {

PublicationLog& SegmentIndex::log(std::uint64_t publication_id, std::uint64_t epoch) {
  for (const auto& known : logs_) {
    if (known->publication_id == publication_id) return *known;
  }
  const auto place =
      std::find_if(logs_.begin(), logs_.end(), [&](const auto& known) { return known->epoch > epoch; });
  return **logs_.insert(place, std::make_unique<PublicationLog>(publication_id, epoch));
}

void SegmentIndex::forget(std::uint64_t publication_id) {
  std::erase_if(logs_, [&](const auto& known) { return known->publication_id == publication_id; });
}

void SegmentIndex::trim() {
  for (const auto& known : logs_) known->segments.keep(policy_.segments * 2);
}

Listing SegmentIndex::listing(std::int64_t now_monotonic_us) const {
  std::vector<const Segment*> all;
  for (const auto& known : logs_) {
    for (const Segment& segment : known->segments.complete()) all.push_back(&segment);
  }
  // The newest segments whose numbers follow one another.
  std::size_t first = all.size();
  while (first > 0 && all.size() - first < policy_.segments * 2) {
    if (first < all.size() && all[first - 1]->media_sequence + 1 != all[first]->media_sequence) break;
    --first;
  }
  Listing listing;
  for (; first < all.size(); ++first) listing.offered.push_back(*all[first]);
  listing.first_listed = first_listed(listing.offered);
  const std::size_t listed = listing.offered.size() - listing.first_listed;
  listing.first_held = listing.first_listed - std::min(listing.first_listed, listed);
  listing.target_duration_seconds = target_duration(listing.offered);
  listing.ended = ended(now_monotonic_us);
  return listing;
}

// Never steps back as segments are added: both limits only cut off more of the front.
std::size_t SegmentIndex::first_listed(const std::vector<Segment>& segments) const {
  std::size_t first = segments.size();
  std::int64_t length_us = 0;
  while (first > 0 && segments.size() - first < policy_.segments) {
    length_us += segments[first - 1].duration_us;
    const std::size_t listed = segments.size() - first;
    if (length_us > policy_.longest_us && listed >= WindowPolicy::kLeastSegments) break;
    --first;
  }
  return first;
}

std::uint32_t SegmentIndex::target_duration(const std::vector<Segment>& segments) const {
  std::int64_t longest_us = 0;
  for (const auto& known : logs_) {
    const std::uint32_t milliseconds = std::max(known->segment_target_ms, known->max_segment_ms);
    longest_us = std::max<std::int64_t>(longest_us, std::int64_t{milliseconds} * 1000);
  }
  for (const Segment& segment : segments) longest_us = std::max(longest_us, segment.duration_us);
  return hls::rounded_seconds(longest_us);
}

bool SegmentIndex::ended(std::int64_t now_monotonic_us) const {
  if (logs_.empty() || !logs_.back()->segments.ended()) return false;
  std::int64_t last_arrival_us = 0;
  for (const auto& known : logs_)
    last_arrival_us = std::max(last_arrival_us, known->segments.last_arrival_us());
  return now_monotonic_us - last_arrival_us >= policy_.reconnect_grace_us;
}

}  // namespace millrace::packaging
