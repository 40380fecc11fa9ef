#include "feed.hpp"

namespace millrace::metrics {

std::vector<v1::MetricsUpdated> feed_events(const Report& report, const std::vector<StreamReport>& ended) {
  std::vector<v1::MetricsUpdated> events;
  const auto add = [&events](v1::StreamMetrics stream) {
    if (events.empty() || events.back().streams_size() == kStreamsPerEvent) events.emplace_back();
    *events.back().add_streams() = std::move(stream);
  };
  for (const StreamReport& row : ended) add(stream_metrics(row, false));
  for (const StreamReport& row : report.streams) add(stream_metrics(row, true));
  return events;
}

}  // namespace millrace::metrics
