// GET /stream/viewers/:streamKey: the viewer keys of the caller's stream, without the keys.
#include "handlers/playback_documents.hpp"
#include "routes.hpp"

namespace millrace::api {

http::Response stream_viewers_get(const Call& call, const Context& context) {
  const auto stream = own_stream(call, context, policy::Operation::kGrantPlayback);
  if (!stream) return stream.error();
  bus::v1::Request request;
  request.mutable_list_viewers()->set_stream_id(stream->stream_id());
  const auto reply = ask_about_playback(call, context, std::move(request));
  if (!reply) return reply.error();
  Json viewers = Json::array();
  for (const auth::v1::Viewer& viewer : reply->viewer_list().viewers())
    viewers.push_back(viewer_document(viewer));
  return json_response(200, text_of({{"viewers", std::move(viewers)}}));
}

}  // namespace millrace::api
