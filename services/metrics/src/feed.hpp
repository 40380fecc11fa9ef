// The numbers of all live streams as events for everybody who shows them.
#pragma once

#include <vector>

#include "report.hpp"

namespace millrace::metrics {

inline constexpr int kStreamsPerEvent = 500;

// ended: streams that went since the last call; they come first, as not live.
std::vector<v1::MetricsUpdated> feed_events(const Report& report, const std::vector<StreamReport>& ended);

}  // namespace millrace::metrics
