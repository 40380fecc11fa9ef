// GET /api/stream/key: the caller's stream, made when there is none yet.
#include <nlohmann/json.hpp>

#include "peers.hpp"
#include "routes.hpp"

namespace millrace::api {

http::Response stream_key_get(const Call& call, const Context& context) {
  bus::v1::Request request;
  request.mutable_ensure_stream()->set_subject(call.identity.subject);
  const Result<bus::v1::Reply> reply = context.peers.ask("auth", std::move(request), call.deadline);
  if (!reply || !reply->has_stream()) return unavailable("auth");
  const auth::v1::Stream& stream = reply->stream();
  const nlohmann::ordered_json document = {{"streamKey", stream.key()},
                                           {"streamUrl", context.urls.publish(stream.key())},
                                           {"hlsUrl", context.urls.hls(stream.stream_id())},
                                           {"streamId", stream.stream_id()}};
  return json_response(200, document.dump());
}

}  // namespace millrace::api
