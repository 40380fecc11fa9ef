#include "past_names.hpp"

#include <algorithm>

namespace millrace::packaging {

void PastNames::add(const Segment& segment, const RenditionSegment& own) {
  const SegmentName name = segment_name(segment);
  extend(segments_, {name.publication_id, name.incarnation, name.media_sequence, name.media_sequence});
  const InitName init = init_name(segment, own);
  if (!had(init))
    extend(inits_, {init.publication_id, init.incarnation, init.configuration, init.configuration});
  if (own.span.parts.empty()) return;
  const PartName first = part_name(segment, own, own.span.parts.front().number);
  extend(parts_, {first.publication_id, first.incarnation, first.number, own.span.parts.back().number});
}

void PastNames::extend(Runs& runs, const Run& next) {
  if (!runs.empty() && runs.back().publication_id == next.publication_id &&
      runs.back().incarnation == next.incarnation && runs.back().last + 1 == next.first) {
    runs.back().last = next.last;
    return;
  }
  if (runs.size() == kMostRuns) runs.erase(runs.begin());
  runs.push_back(next);
}

bool PastNames::has(const Runs& runs, PublicationId publication_id, std::uint32_t incarnation,
                    std::uint64_t number) {
  return std::any_of(runs.begin(), runs.end(), [&](const Run& run) {
    return run.publication_id == publication_id && run.incarnation == incarnation && run.first <= number &&
           number <= run.last;
  });
}

bool PastNames::had(const SegmentName& name) const {
  return has(segments_, name.publication_id, name.incarnation, name.media_sequence);
}

bool PastNames::had(const PartName& name) const {
  return has(parts_, name.publication_id, name.incarnation, name.number);
}

bool PastNames::had(const InitName& name) const {
  return has(inits_, name.publication_id, name.incarnation, name.configuration);
}

}  // namespace millrace::packaging
