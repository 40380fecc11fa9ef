// GET /stream/credentials: the caller's stream, made when there is none yet, and whether it is live.
#include "handlers/documents.hpp"
#include "routes.hpp"
#include "stream_access.hpp"

namespace millrace::api {

http::Response stream_credentials_get(const Call& call, const Context& context) {
  bus::v1::Request request;
  request.mutable_ensure_stream()->set_subject(call.identity.subject);
  const auto stream = ask_for_stream(call, context, std::move(request));
  if (!stream) return stream.error();
  const auto live = numbers_of(stream->stream_id(), call, context);
  if (!live) return live.error();
  return json_response(200, text_of({{"streamKey", stream->key()},
                                     {"streamUrl", context.urls.publish(stream->key())},
                                     {"hlsUrl", context.urls.hls(stream->stream_id(), stream->key())},
                                     {"streamId", stream->stream_id()},
                                     {"isStreaming", live->live()},
                                     {"streamSettings", settings_document(stream->settings())}}));
}

}  // namespace millrace::api
