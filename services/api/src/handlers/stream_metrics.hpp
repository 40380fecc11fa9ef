// The numbers of a live stream as the documented API words them; shared by handlers.
#pragma once

#include <cmath>
#include <cstdint>

#include "metrics/v1/metrics.pb.h"

namespace millrace::api {

struct ApiMetrics {
  std::int64_t bitrate = 0;    // kbit/s
  std::int64_t latency = 0;    // ms
  std::int64_t bandwidth = 0;  // kbit/s a viewer should have: a fifth above the bitrate
};

inline ApiMetrics api_metrics(const metrics::v1::StreamMetrics& stream) {
  if (!stream.live()) return {};
  return {std::llround(stream.bitrate_kbps()), std::llround(stream.latency_ms()),
          std::llround(stream.bitrate_kbps() * 1.2)};
}

}  // namespace millrace::api
