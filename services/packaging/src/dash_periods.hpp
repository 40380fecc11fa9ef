// The Periods of a stream's MPD: which of the offered segments belong together, and when each Period begins.
// Sans-IO; one thread at a time (the stream's actor).
//
// A Period is a run of segments of one discontinuity sequence with the same renditions, each with the same
// init segment in all of them, on one mapping of the timeline to the wall clock. Gaps of all renditions,
// while a publisher is away, are in no Period. Its id is the discontinuity sequence, followed by ".<media
// sequence>" where it begins later than the discontinuity; its start is the date of its first sample, which
// does not change as segments leave the window. A discontinuity's first Period has its start by the dates of
// the second segment (media::TimelineBeginning).
//
//   presentation time of a sample = Period start + (its time on the log's timeline - time_us)
//
// Where the stream has parts and the encoder's segments are even, a Period is a grid: its players ask for
// segments by the clock, while they grow, and never have to be notified of one. It is one where
// the stream's first three segments, or three of a Period before it, are of one length within a frame. A
// segment that has another length, or is further from its place on the grid than half a part, begins a Period
// without a grid; what comes after a discontinuity goes on with the grid of before if its first segment fits.
// The last segment before a discontinuity, cut off by it, stays in its grid.
//
// Where the log says where a discontinuity began, a packaging that comes later says the same of its first
// Period as one that has seen it begin: its beginning, and its grid where that is one from there on. What it
// cannot tell (a Period within the discontinuity) begins with the first segment that it has.
//
// Dates follow the wall clock slowly (docs/media-log.md), a Period does not: where they are further apart
// than half a target duration, or half a part where there is a grid, another one begins.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "offering.hpp"

namespace millrace::packaging {

struct DashPeriod {
  std::string id;
  std::uint32_t discontinuity_sequence = 0;
  std::uint64_t first_segment = 0;  // media sequences [first_segment, end_segment)
  std::uint64_t end_segment = 0;
  std::uint64_t seen_segment = 0;  // the first one that was offered; later than the first where that had gone
  std::int64_t time_us = 0;        // of the log's timeline, where the Period begins
  WallTime start{};
  std::int64_t grid_ns = 0;  // every segment has this length; 0: there is no grid
  std::int64_t grid_us =
      0;  // of the log's timeline: where the first segment's picture (or sound) is presented
  // Bits a second of each of its renditions, rounded up to two digits: never less than before, so that what
  // an MPD says of a Representation hardly ever changes.
  std::map<RenditionName, std::uint64_t> bandwidth{};

  bool holds(const Segment& segment) const {
    return first_segment <= segment.media_sequence && segment.media_sequence < end_segment;
  }
  // Microseconds since 1970 of a time on the log's timeline.
  std::int64_t presented_us(std::int64_t timeline_us) const { return start.us() + timeline_us - time_us; }
};

class DashPeriods {
 public:
  // Segments of one length before there is a grid.
  static constexpr std::uint64_t kEvenSegments = 3;

  // Called with every offering, in their order: what it adds goes on in the last Period or begins another;
  // Periods that nothing is offered of any more are forgotten.
  void update(const Offering& offering);
  // Oldest first; each begins after the one before.
  const std::vector<DashPeriod>& periods() const { return periods_; }
  // Of all of them that were seen, in the window or not.
  std::uint64_t segments() const;
  // There were kEvenSegments of them once: an MPD has been shown, and is from then on.
  bool shown() const { return shown_; }

 private:
  void add(const Offering& offering, std::size_t place);
  DashPeriod begin(const Offering& offering, std::size_t place, std::int64_t offset_us) const;
  void decide_grid(const Offering& offering, std::size_t place);
  bool goes_on(const Offering& offering, std::size_t place) const;
  std::int64_t grid_after(const Offering& offering, std::size_t place) const;
  void measure(const Offering& offering, DashPeriod& period) const;

  std::vector<DashPeriod> periods_;
  bool shown_ = false;
};

}  // namespace millrace::packaging
