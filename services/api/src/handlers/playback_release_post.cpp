// POST /playback/:streamId/release {viewerKey, device}: another device may watch; this one's token is worth
// nothing.
#include "handlers/playback_redeem.hpp"
#include "routes.hpp"

namespace millrace::api {

http::Response playback_release_post(const Call& call, const Context& context) {
  const auto grant = redeem_viewer_key(call, context, true);
  return grant ? json_response(200, text_of({{"success", true}, {"message", "Device released"}}))
               : grant.error();
}

}  // namespace millrace::api
