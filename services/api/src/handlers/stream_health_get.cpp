// GET /stream/health/:streamKey: how a stream is doing and was doing in the last minutes, public.
// docs/metrics.md has the reasons and the points they cost.
#include "base/reply_codes.hpp"
#include "handlers/documents.hpp"
#include "peers.hpp"
#include "routes.hpp"
#include "stream_access.hpp"

namespace millrace::api {
namespace {

template <class Reasons>
Json reasons_document(const Reasons& reasons) {
  Json list = Json::array();
  for (const std::string& reason : reasons) list.push_back(reason);
  return list;
}

}  // namespace

http::Response stream_health_get(const Call& call, const Context& context) {
  const auto stream = public_stream(call, context);
  if (!stream) return stream.error();
  bus::v1::Request request;
  request.mutable_get_health_history()->set_stream_id(stream->stream_id);
  const Result<bus::v1::Reply> reply = context.peers.ask("metrics", std::move(request), call.deadline);
  const bool live = reply && reply->has_health_history();
  if (!live && (reply || reply.error().code != reply_codes::kStreamNotMeasured))
    return unavailable("metrics");
  const metrics::v1::HealthHistory history = live ? reply->health_history() : metrics::v1::HealthHistory();
  Json points = Json::array();
  for (const metrics::v1::HealthPoint& point : history.points()) {
    points.push_back({{"time", point.wall_us() / 1000},
                      {"score", std::llround(point.score())},
                      {"reasons", reasons_document(point.reasons())}});
  }
  return public_response(call, *stream,
                         text_of({{"streamId", stream->stream_id},
                                  {"isLive", live},
                                  {"score", std::llround(history.now().health_score())},
                                  {"level", live ? history.level() : "offline"},
                                  {"reasons", reasons_document(history.now().health_reasons())},
                                  {"intervalSeconds", history.interval_seconds()},
                                  {"history", std::move(points)}}));
}

}  // namespace millrace::api
