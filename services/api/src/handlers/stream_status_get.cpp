// GET /api/stream/status/:id: is a stream live, and how well. By public id, or by key as older clients ask.
#include <nlohmann/json.hpp>

#include "base/ids.hpp"
#include "handlers/stream_metrics.hpp"
#include "peers.hpp"
#include "routes.hpp"

namespace millrace::api {
namespace {

http::Response unknown() {
  return http::Response::problem(404, "stream_unknown", "There is no such stream.");
}

}  // namespace

http::Response stream_status_get(const Call& call, const Context& context) {
  const std::string_view name = call.parameter("id");
  if (!is_valid_id(name)) return unknown();
  bus::v1::Request lookup;
  lookup.mutable_get_stream()->set_name(std::string(name));
  const Result<bus::v1::Reply> found = context.peers.ask("auth", std::move(lookup), call.deadline);
  if (!found && found.error().code == "auth.unknown_stream") return unknown();
  if (!found || !found->has_stream()) return unavailable("auth");

  bus::v1::Request question;
  question.mutable_get_metrics()->set_stream_id(found->stream().stream_id());
  const Result<bus::v1::Reply> measured = context.peers.ask("metrics", std::move(question), call.deadline);
  if (!measured || !measured->has_metrics()) return unavailable("metrics");
  const auto& streams = measured->metrics().streams();
  const metrics::v1::StreamMetrics live = streams.empty() ? metrics::v1::StreamMetrics() : streams[0];
  const ApiMetrics metrics = api_metrics(live);
  const nlohmann::ordered_json document = {{"isLive", live.live()},
                                           {"bitrate", metrics.bitrate},
                                           {"latency", metrics.latency},
                                           {"bandwidth", metrics.bandwidth},
                                           {"streamId", found->stream().stream_id()},
                                           {"viewers", live.live() ? live.viewers() : 0}};
  return shared_response(document.dump());
}

}  // namespace millrace::api
