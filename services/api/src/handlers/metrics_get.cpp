// GET /metrics/:streamKey: the numbers of one stream.
#include "handlers/documents.hpp"
#include "routes.hpp"
#include "stream_access.hpp"

namespace millrace::api {

http::Response metrics_get(const Call& call, const Context& context) {
  const auto stream = public_stream(call, context);
  if (!stream) return stream.error();
  const auto live = numbers_of(stream->stream_id, call, context);
  if (!live) return live.error();
  return public_response(call, *stream, text_of(measured_document(*live)));
}

}  // namespace millrace::api
