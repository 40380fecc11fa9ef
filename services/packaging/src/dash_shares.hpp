// What each rendition has of a Period, and when its segments are presented. Pure.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "dash_periods.hpp"
#include "manifest/dash/mpd.hpp"

namespace millrace::packaging {

// A rendition's share of a Period: segments [begin, end) of the offering. Of the source's renditions it has
// them all; of a ladder's some may be missing, and be had as fragments without samples.
struct Share {
  const Rendition* rendition;
  std::size_t begin, end;
  std::optional<std::size_t> newest;  // of those that it has; nullopt: it is planned
  const Rendition* beside = nullptr;  // of the source: has what a ladder's lacks

  bool has(std::size_t place) const { return rendition->segments[place].has_value(); }
  const RenditionSegment& segment(std::size_t place) const { return *rendition->segments[place]; }
  const std::shared_ptr<const TrackDescription>& described() const {
    return newest ? segment(*newest).description : rendition->planned->description;
  }
  const TrackDescription& description() const { return *described(); }
};

// By name, with something in the Period; none where nothing of it is described.
std::vector<Share> shares(const Offering& offering, const DashPeriod& period);

// Of whole frames by their times, where the encoder does not say. 0: nothing can be told.
std::uint32_t frame_rate_millihertz(const Share& share);

// Each up to where the next one begins, so that they neither overlap nor leave a tick out. What is missing is
// where the source has it: numbers are counted by entries.
std::vector<dash::TimelineSegment> timeline(const Share& share);

}  // namespace millrace::packaging
