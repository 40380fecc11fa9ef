// POST /stream/visibility/:streamKey {private}: what is live is cut, so that it begins again under the new
// rule.
#include "handlers/documents.hpp"
#include "json_body.hpp"
#include "routes.hpp"
#include "stream_access.hpp"

namespace millrace::api {

http::Response stream_visibility_post(const Call& call, const Context& context) {
  const auto stream = own_stream(call, context, policy::Operation::kChangeStream);
  if (!stream) return stream.error();
  JsonBody body = JsonBody::parse(call.body);
  const auto is_private = body.boolean("private");
  if (!is_private) body.fail("private", "must be true or false");
  body.refuse_others();
  if (body.fault()) return body.refusal(400);
  if (*is_private != stream->is_private()) {
    bus::v1::Request request;
    request.mutable_set_private()->set_stream_id(stream->stream_id());
    request.mutable_set_private()->set_is_private(*is_private);
    const auto changed = change_stream(call, context, std::move(request));
    if (!changed) return changed.error();
  }
  return json_response(200,
                       text_of({{"success", true},
                                {"message", *is_private ? "The stream is private" : "The stream is public"},
                                {"streamId", stream->stream_id()},
                                {"isPrivate", *is_private}}));
}

}  // namespace millrace::api
