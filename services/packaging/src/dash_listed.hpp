// The Periods that an MPD lists, of those that a stream has, and what of the offering is in each. Pure.
#pragma once

#include <vector>

#include "dash_manifest.hpp"

namespace millrace::packaging {

// One of the MPD. It has an end where another one is listed behind it, or nothing comes any more. While the
// encoder is away the newest one has none: dash.js stops for good when it is through with the last Period.
struct ListedPeriod : DashPeriod {
  bool has_end = false;
  std::int64_t length_us = 0;  // said where nothing follows for a while; 0: up to the next one
};

// Where the presentation of a segment begins and ends.
struct Extent {
  std::int64_t begin_us = 0, end_us = 0;
};
Extent extent(const Offering& offering, const DashPeriod& period, std::size_t place);
// The offering's last segment of the Period.
std::size_t last_place(const Offering& offering, const DashPeriod& period);

// How far behind players of a grid stay.
std::int64_t latency_us(const Listing& listing);

// Oldest first. Empty: there is nothing to list, or its end is not known yet.
std::vector<ListedPeriod> listed_periods(const Offering& offering, const DashPeriods& periods,
                                         ManifestForm form);

}  // namespace millrace::packaging
