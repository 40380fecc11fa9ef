// The names under which a rendition has had something whole: what is not here any more is gone (410), what
// never was is not found (404). Of what had left the lists before packaging started nothing is known. Pure;
// immutable once it is in a view.
#pragma once

#include <cstdint>
#include <vector>

#include "offering.hpp"

namespace millrace::packaging {

class PastNames {
 public:
  // Of each kind; the oldest are forgotten. A run is broken by a publication or where the track was silent.
  static constexpr std::size_t kMostRuns = 256;

  // The rendition's share of an offered segment; in the order of media sequences.
  void add(const Segment& segment, const RenditionSegment& own);
  // Of the newest segment added; 0: none was.
  std::uint64_t newest() const { return segments_.empty() ? 0 : segments_.back().last; }

  bool had(const SegmentName& name) const;
  bool had(const PartName& name) const;
  bool had(const InitName& name) const;

 private:
  // Names of one log with numbers in a row.
  struct Run {
    PublicationId publication_id{};
    std::uint32_t incarnation = 0;
    std::uint64_t first = 0, last = 0;
  };
  using Runs = std::vector<Run>;
  static void extend(Runs& runs, const Run& next);
  static bool has(const Runs& runs, PublicationId publication_id, std::uint32_t incarnation,
                  std::uint64_t number);

  Runs segments_, parts_, inits_;
};

}  // namespace millrace::packaging
