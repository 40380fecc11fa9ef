// GET /stream/details/:streamKey and /stream/:streamKey: everything about one of the caller's streams.
#include "handlers/documents.hpp"
#include "routes.hpp"
#include "stream_access.hpp"

namespace millrace::api {

http::Response stream_details_get(const Call& call, const Context& context) {
  const auto stream = own_stream(call, context, policy::Operation::kReadStream);
  if (!stream) return stream.error();
  const auto live = numbers_of(stream->stream_id(), call, context);
  if (!live) return live.error();
  return json_response(200, text_of(stream_document(*stream, *live, context.urls)));
}

}  // namespace millrace::api
