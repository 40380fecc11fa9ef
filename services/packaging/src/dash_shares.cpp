#include "dash_shares.hpp"

#include <algorithm>
#include <cmath>
#include <optional>

namespace millrace::packaging {
namespace {

// When it is presented, in ticks of that timescale.
dash::TimelineSegment timeline_entry(const RenditionSegment& segment, std::int64_t timescale) {
  const TrackSpan& span = segment.span;
  const std::int64_t time = std::max<std::int64_t>(span.shown_from, 0);
  const std::int64_t length = std::max(span.last_dts - span.first_dts + std::int64_t{span.last_duration},
                                       span.presented_end() - time);
  const std::int64_t own = segment.description->timing.timescale;
  const auto scaled = [&](std::int64_t value) {
    return static_cast<std::uint64_t>(value / own * timescale + value % own * timescale / own);
  };
  return {scaled(time), std::max<std::uint64_t>(scaled(length), 1)};
}

// Beside a picture or sound of the source: what it lacks is said by that one's times. Of one that is behind
// what it has by now.
std::optional<Share> share_of_made(const Rendition& rendition, std::size_t begin, std::size_t end,
                                   const std::vector<Share>& sources) {
  const auto source = std::find_if(sources.begin(), sources.end(), [&](const Share& share) {
    return !share.rendition->is_made() && share.rendition->is_video() == rendition.is_video();
  });
  if (source == sources.end()) return std::nullopt;
  end = std::min(end, rendition.end());
  std::optional<std::size_t> newest;
  for (std::size_t i = begin; i < end; ++i) {
    if (rendition.segments[i]) newest = i;
  }
  // Promised are the newest segments, which are all of one publication.
  const bool promises = begin < end && rendition.planned && rendition.is_promised(end - 1);
  if (!newest && !promises) return std::nullopt;
  return Share{&rendition, begin, end, newest, source->rendition};
}

}  // namespace

std::vector<Share> shares(const Offering& offering, const DashPeriod& period) {
  const auto& segments = offering.listing.offered;
  std::size_t begin = offering.listing.first_described();
  while (begin < segments.size() && !period.holds(segments[begin])) ++begin;
  std::size_t end = begin;
  while (end < segments.size() && period.holds(segments[end])) ++end;
  // What nobody has any more (recording was down) ends what can be listed before it.
  for (std::size_t i = begin; i < end; ++i) {
    if (std::none_of(offering.renditions.begin(), offering.renditions.end(),
                     [i](const Rendition& rendition) { return rendition.segments[i].has_value(); }))
      begin = i + 1;
  }
  std::vector<Share> found;
  for (const Rendition& rendition : offering.renditions) {
    const auto& own = rendition.segments;
    bool all = begin < end;
    for (std::size_t i = begin; i < end; ++i) all = all && own[i].has_value();
    if (rendition.is_made()) {
      if (auto share = share_of_made(rendition, begin, end, found)) found.push_back(*share);
    } else if (all) {
      found.push_back({&rendition, begin, end, end - 1});
    }
  }
  return found;
}

std::uint32_t frame_rate_millihertz(const Share& share) {
  const TrackDescription& description = share.description();
  if (share.rendition->planned) return share.rendition->planned->frame_rate_millihertz;
  if (description.frames_per_second)
    return static_cast<std::uint32_t>(std::lround(*description.frames_per_second * 1000));
  std::uint64_t frames = 0;
  std::uint64_t length = 0;
  for (std::size_t i = share.begin; i < share.end; ++i) {
    if (!share.has(i)) continue;
    const TrackSpan& span = share.segment(i).span;
    frames += span.samples;
    length += static_cast<std::uint64_t>(span.last_dts - span.first_dts) + span.last_duration;
  }
  return length == 0 ? 0 : static_cast<std::uint32_t>(frames * 1000 * description.timing.timescale / length);
}

std::vector<dash::TimelineSegment> timeline(const Share& share) {
  std::vector<dash::TimelineSegment> entries;
  for (std::size_t i = share.begin; i < share.end; ++i) {
    const RenditionSegment& there = share.has(i) ? share.segment(i) : *share.beside->segments[i];
    const dash::TimelineSegment entry = timeline_entry(there, share.description().timing.timescale);
    if (!entries.empty() && entries.back().time < entry.time) {
      dash::TimelineSegment& before = entries.back();
      before.duration = std::min(before.duration, entry.time - before.time);
    }
    entries.push_back(entry);
  }
  return entries;
}

}  // namespace millrace::packaging
