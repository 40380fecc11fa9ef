// GET /api/stream/list: the caller's streams with their state.
#include <map>
#include <nlohmann/json.hpp>

#include "handlers/stream_metrics.hpp"
#include "peers.hpp"
#include "routes.hpp"

namespace millrace::api {
namespace {

nlohmann::ordered_json describe(const auth::v1::Stream& stream, const metrics::v1::StreamMetrics& live,
                                const Urls& urls) {
  const ApiMetrics metrics = api_metrics(live);
  return {{"streamKey", stream.key()},
          {"streamId", stream.stream_id()},
          {"streamUrl", urls.publish(stream.key())},
          {"hlsUrl", urls.hls(stream.stream_id())},
          {"isLive", live.live()},
          {"metrics",
           {{"bitrate", metrics.bitrate}, {"latency", metrics.latency}, {"bandwidth", metrics.bandwidth}}},
          {"settings",
           {{"quality", stream.settings().quality()},
            {"maxBitrate", stream.settings().max_bitrate_kbps()},
            {"resolution", stream.settings().resolution()}}}};
}

}  // namespace

http::Response stream_list_get(const Call& call, const Context& context) {
  bus::v1::Request streams;
  streams.mutable_list_streams()->set_subject(call.identity.subject);
  const Result<bus::v1::Reply> owned = context.peers.ask("auth", std::move(streams), call.deadline);
  if (!owned || !owned->has_stream_list()) return unavailable("auth");
  bus::v1::Request metrics;
  metrics.mutable_get_metrics();
  const Result<bus::v1::Reply> measured = context.peers.ask("metrics", std::move(metrics), call.deadline);
  if (!measured || !measured->has_metrics()) return unavailable("metrics");

  std::map<std::string_view, const metrics::v1::StreamMetrics*> by_id;
  for (const metrics::v1::StreamMetrics& stream : measured->metrics().streams())
    by_id[stream.stream_id()] = &stream;
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  const metrics::v1::StreamMetrics offline;
  for (const auth::v1::Stream& stream : owned->stream_list().streams()) {
    const auto live = by_id.find(stream.stream_id());
    list.push_back(describe(stream, live == by_id.end() ? offline : *live->second, context.urls));
  }
  return json_response(200, nlohmann::ordered_json{{"streams", list}}.dump());
}

}  // namespace millrace::api
