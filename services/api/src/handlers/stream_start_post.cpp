// POST /stream/start/:streamKey: publishers are welcome, also when the stream was stopped a moment ago.
#include "handlers/documents.hpp"
#include "routes.hpp"
#include "stream_access.hpp"

namespace millrace::api {

http::Response stream_start_post(const Call& call, const Context& context) {
  const auto stream = own_stream(call, context, policy::Operation::kChangeStream);
  if (!stream) return stream.error();
  bus::v1::Request request;
  request.mutable_hold_stream()->set_stream_id(stream->stream_id());
  const auto started = change_stream(call, context, std::move(request));
  if (!started) return started.error();
  return json_response(200, text_of({{"success", true},
                                     {"message", "Stream started successfully"},
                                     {"streamUrl", context.urls.publish(stream->key())},
                                     {"hlsUrl", context.urls.hls(stream->stream_id(), stream->key())}}));
}

}  // namespace millrace::api
