// POST /playback/:streamId {viewerKey, device}: a token for a while; the same device again renews it.
#include "handlers/playback_redeem.hpp"
#include "routes.hpp"

namespace millrace::api {

http::Response playback_post(const Call& call, const Context& context) {
  const auto grant = redeem_viewer_key(call, context, false);
  return grant ? grant_response(call.parameter("streamId"), *grant, context.urls) : grant.error();
}

}  // namespace millrace::api
