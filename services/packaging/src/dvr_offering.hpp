// What a stream offers with what its recordings have of it before: an offering as the live one is, for the
// same writers of lists. Pure.
//
// It is a row of media sequences up to the newest one. Those that the live list shows are the live one's; the
// others are derived from the recordings, which say the same of them. Numbers that neither has are gaps
// (EXT-X-GAP). The row begins behind what was before
//   - another target duration: a list's must not change;
//   - what is not for who may see the newest: of a stream that is public, a private publication;
//   - more numbers in a row that nobody has than kMostGaps: those of a stream that began anew.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "offering.hpp"
#include "recorded_segments.hpp"

namespace millrace::packaging {

inline constexpr std::uint64_t kMostGaps = 512;

struct DvrRequest {
  std::int64_t window_us = 0;
  std::uint64_t not_before = 0;  // media sequence: what a list has left out does not come back
  bool ended = false;            // where the log has nothing of the stream
  // What a list has shown and neither side has any more, or never had, by media sequence: it stays, with its
  // name and times, as a gap.
  std::map<std::uint64_t, Segment> gaps{};
  std::optional<bool> is_private{};  // does it take a token? nullopt: by the newest of these
};

// live: nullptr where the log has nothing of the stream any more. recorded: oldest first. nullptr: there is
// nothing to list. Without date ranges.
std::shared_ptr<Offering> dvr_offering(const std::vector<RecordedSegmentPtr>& recorded, const Offering* live,
                                       const DvrRequest& request);

// Does the newest of it take a token, as far as the log knew?
bool is_private(const std::vector<RecordedSegmentPtr>& recorded, const Offering* live);

}  // namespace millrace::packaging
