// DELETE /stream/viewers/:streamKey/:viewerId: viewers with the key are refused from the next object on.
#include "handlers/playback_documents.hpp"
#include "routes.hpp"

namespace millrace::api {

http::Response stream_viewers_delete(const Call& call, const Context& context) {
  const auto stream = own_stream(call, context, policy::Operation::kGrantPlayback);
  if (!stream) return stream.error();
  bus::v1::Request request;
  request.mutable_revoke_viewer()->set_stream_id(stream->stream_id());
  request.mutable_revoke_viewer()->set_viewer_id(std::string(call.parameter("viewerId")));
  const auto reply = ask_about_playback(call, context, std::move(request));
  if (!reply) return reply.error();
  return json_response(200, text_of({{"success", true}, {"message", "Viewer key revoked successfully"}}));
}

}  // namespace millrace::api
