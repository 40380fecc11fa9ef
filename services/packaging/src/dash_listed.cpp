#include "dash_listed.hpp"

#include <algorithm>

#include "dash_shares.hpp"

namespace millrace::packaging {
namespace {

// Low latency: players stay so many parts and so much more behind.
constexpr std::int64_t kDelayParts = 3;
constexpr std::int64_t kMoreDelayUs = 500'000;
// What follows a gap is listed when it is so much longer than that.
constexpr std::int64_t kAheadUs = 300'000;

// dash.js moves to where it is to be as soon as it knows of what follows a gap (Latency@max). There has to be
// something, or it stands still in the gap for good.
void leave_out_what_is_too_short(const Offering& offering, std::vector<ListedPeriod>& listed) {
  std::size_t first = listed.size() - 1;
  while (first > 0 && listed[first - 1].discontinuity_sequence == listed.back().discontinuity_sequence)
    --first;
  if (first == 0 || listed[first - 1].grid_ns == 0 || !offering.listing.goes_on()) return;
  const std::int64_t end_us = extent(offering, listed.back(), last_place(offering, listed.back())).end_us;
  if (end_us - listed[first].start.us() < latency_us(offering.listing) + kAheadUs)
    listed.erase(listed.begin() + static_cast<std::ptrdiff_t>(first), listed.end());
}

// What is said of the end of each. Of a gap between two encoders' visits nothing is to be expected.
void end_periods(const Offering& offering, std::vector<ListedPeriod>& listed) {
  for (std::size_t i = 0; i < listed.size(); ++i) {
    ListedPeriod& period = listed[i];
    period.has_end = i + 1 < listed.size() || offering.listing.ended;
    if (period.grid_ns == 0 || i + 1 == listed.size()) continue;
    if (listed[i + 1].discontinuity_sequence == period.discontinuity_sequence) continue;
    const std::int64_t end_us = extent(offering, period, last_place(offering, period)).end_us;
    period.length_us = std::min(end_us, listed[i + 1].start.us()) - period.start.us();
  }
}

}  // namespace

std::int64_t latency_us(const Listing& listing) {
  return kDelayParts * std::int64_t{listing.part_target_us} + kMoreDelayUs;
}

Extent extent(const Offering& offering, const DashPeriod& period, std::size_t place) {
  Extent whole{period.start.us(), period.start.us()};
  bool any = false;
  for (const Rendition& rendition : offering.renditions) {
    const auto& own = rendition.segments[place];
    if (!own || rendition.is_made()) continue;
    const std::int64_t begin_us = period.presented_us(presented_us(*own));
    const std::int64_t end_us =
        std::max(begin_us + own->span.duration_us, period.presented_us(presented_end_us(*own)));
    whole = {any ? std::min(whole.begin_us, begin_us) : begin_us,
             any ? std::max(whole.end_us, end_us) : end_us};
    any = true;
  }
  return whole;
}

std::size_t last_place(const Offering& offering, const DashPeriod& period) {
  std::size_t last = offering.listing.offered.size() - 1;
  while (last > 0 && !period.holds(offering.listing.offered[last])) --last;
  return last;
}

std::vector<ListedPeriod> listed_periods(const Offering& offering, const DashPeriods& periods,
                                         ManifestForm form) {
  std::vector<ListedPeriod> listed;
  for (const DashPeriod& period : periods.periods()) {
    if (!shares(offering, period).empty()) listed.push_back({period});
  }
  const std::size_t media_end = offering.listing.media_end();
  if (listed.empty() || media_end == 0 || !listed.back().holds(offering.listing.offered[media_end - 1]))
    return {};
  // What has left the window is not there any more: of an ended stream nothing is asked for by the clock.
  if (form == ManifestForm::kPlain || offering.listing.long_ended) {
    for (ListedPeriod& period : listed) period.grid_ns = 0;
  }
  leave_out_what_is_too_short(offering, listed);
  end_periods(offering, listed);
  return listed;
}

}  // namespace millrace::packaging
