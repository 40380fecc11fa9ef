// GET /stream/metrics/:streamKey: a stream's statistics, public.
#include "handlers/documents.hpp"
#include "routes.hpp"
#include "stream_access.hpp"

namespace millrace::api {

http::Response stream_metrics_get(const Call& call, const Context& context) {
  const auto stream = public_stream(call, context);
  if (!stream) return stream.error();
  const auto found = numbers_of(stream->stream_id, call, context);
  if (!found) return found.error();
  const metrics::v1::StreamMetrics live = found->live() ? *found : metrics::v1::StreamMetrics();
  const ApiMetrics metrics = api_metrics(live);
  return public_response(
      call, *stream,
      text_of({{"bitrate", metrics.bitrate},
               {"fps", std::round(live.fps() * 100) / 100},
               {"resolution", std::to_string(live.width()) + "x" + std::to_string(live.height())},
               {"totalViewers", live.total_viewers()},
               {"peakViewers", live.peak_viewers()},
               {"latency", metrics.latency},
               {"bandwidth", metrics.bandwidth},
               {"isLive", live.live()},
               {"streamId", stream->stream_id},
               {"viewers", live.viewers()}}));
}

}  // namespace millrace::api
