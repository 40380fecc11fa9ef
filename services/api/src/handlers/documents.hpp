// Parts of answers that several handlers have, as the documented API words them.
#pragma once

#include <cmath>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>

#include "auth/v1/auth.pb.h"
#include "base/clock.hpp"
#include "metrics/v1/metrics.pb.h"
#include "urls.hpp"

namespace millrace::api {

using Json = nlohmann::ordered_json;

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

inline Json metrics_document(const metrics::v1::StreamMetrics& stream) {
  const ApiMetrics metrics = api_metrics(stream);
  return {{"bitrate", metrics.bitrate}, {"latency", metrics.latency}, {"bandwidth", metrics.bandwidth}};
}

// As GET /metrics has it. lastUpdated: ms since 1970; 0 when the stream is not live.
inline Json measured_document(const metrics::v1::StreamMetrics& stream) {
  const ApiMetrics metrics = api_metrics(stream);
  return {{"bitrate", metrics.bitrate},
          {"bandwidth", metrics.bandwidth},
          {"latency", metrics.latency},
          {"lastUpdated", stream.live() ? stream.updated_wall_us() / 1000 : 0}};
}

// Empty and 0: no limit of its own.
inline Json settings_document(const auth::v1::StreamSettings& settings) {
  return {{"quality", settings.quality()},
          {"maxBitrate", settings.max_bitrate_kbps()},
          {"resolution", settings.resolution()}};
}

// For its owner: it has the key.
inline Json stream_document(const auth::v1::Stream& stream, const metrics::v1::StreamMetrics& live,
                            const Urls& urls) {
  return {{"streamKey", stream.key()},
          {"streamId", stream.stream_id()},
          {"streamUrl", urls.publish(stream.key())},
          {"hlsUrl", urls.hls(stream.stream_id(), stream.key())},
          {"isLive", live.live()},
          {"viewers", live.live() ? live.viewers() : 0},
          {"metrics", metrics_document(live)},
          {"settings", settings_document(stream.settings())},
          {"isPrivate", stream.is_private()},
          {"createdAt", rfc3339(WallTime::from_us(stream.created_wall_us()))},
          {"updatedAt", rfc3339(WallTime::from_us(stream.updated_wall_us()))}};
}

// Texts of ours and of auth, which are valid UTF-8; anything else is replaced.
inline std::string text_of(const nlohmann::ordered_json& document) {
  return document.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

}  // namespace millrace::api
