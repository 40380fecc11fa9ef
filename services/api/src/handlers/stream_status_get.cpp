// GET /stream/status/:streamKey: is a stream live, and how well. By public id, or by key as older clients
// ask.
#include "handlers/documents.hpp"
#include "routes.hpp"
#include "stream_access.hpp"

namespace millrace::api {

http::Response stream_status_get(const Call& call, const Context& context) {
  const auto stream = public_stream(call, context);
  if (!stream) return stream.error();
  const auto live = numbers_of(stream->stream_id, call, context);
  if (!live) return live.error();
  const ApiMetrics metrics = api_metrics(*live);
  return public_response(call, *stream,
                         text_of({{"isLive", live->live()},
                                  {"bitrate", metrics.bitrate},
                                  {"latency", metrics.latency},
                                  {"bandwidth", metrics.bandwidth},
                                  {"streamId", stream->stream_id},
                                  {"viewers", live->live() ? live->viewers() : 0}}));
}

}  // namespace millrace::api
