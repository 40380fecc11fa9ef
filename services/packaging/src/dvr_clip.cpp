#include "dvr_clip.hpp"

#include <algorithm>

namespace millrace::packaging {
namespace {

constexpr std::int64_t kMicroseconds = 1'000'000;

template <class Value>
std::vector<Value> cut(const std::vector<Value>& all, std::size_t begin, std::size_t end) {
  return {all.begin() + static_cast<std::ptrdiff_t>(begin), all.begin() + static_cast<std::ptrdiff_t>(end)};
}

std::int64_t begin_us(const Segment& segment) {
  return segment.start_wall.us();
}
std::int64_t end_us(const Segment& segment) {
  return begin_us(segment) + segment.duration_us;
}

}  // namespace

std::shared_ptr<const Offering> dvr_clip(const Offering& all, const manifest::Clip& clip) {
  const std::vector<Segment>& offered = all.listing.offered;
  std::size_t begin = all.listing.first_listed;
  while (begin < offered.size() && end_us(offered[begin]) <= clip.start_us) ++begin;
  std::size_t end = begin;
  while (end < offered.size() && begin_us(offered[end]) < clip.end_us) ++end;
  if (begin == end) return nullptr;
  auto made = std::make_shared<Offering>();
  made->stream_id = all.stream_id;
  made->date_ranges = all.date_ranges;
  made->is_private = all.is_private;
  made->list_name = all.list_name;
  made->is_recording = all.is_recording;
  Listing& listing = made->listing;
  listing.offered = cut(offered, begin, end);
  listing.target_duration_seconds = all.listing.target_duration_seconds;
  listing.independent = all.listing.independent;
  listing.grace_us = all.listing.grace_us;
  listing.timelines = all.listing.timelines;
  const std::int64_t reached_us = end_us(offered.back());
  const std::int64_t target_us = listing.target_duration_seconds * kMicroseconds;
  const bool is_over = end < offered.size() || reached_us >= clip.end_us;
  listing.ended = is_over || all.listing.ended;
  listing.long_ended = all.listing.long_ended ||
                       (is_over && reached_us - WindowPolicy::kEndToldTargets * target_us >= clip.end_us);
  if (!is_over) listing.growing = all.listing.growing;
  const std::size_t current = first_current(listing);
  for (const Rendition& rendition : all.renditions) {
    Rendition& own = made->renditions.emplace_back();
    own.name = rendition.name;
    own.segments = cut(rendition.segments, begin, end);
    own.current = std::any_of(own.segments.begin() + static_cast<std::ptrdiff_t>(current), own.segments.end(),
                              [](const auto& segment) { return segment.has_value(); });
  }
  return made;
}

}  // namespace millrace::packaging
