// POST /api/v1/admin/streams/:streamId/unban
#include "handlers/stream_ban.hpp"
#include "routes.hpp"

namespace millrace::api {

http::Response stream_unban_post(const Call& call, const Context& context) {
  return set_banned(call, context, false);
}

}  // namespace millrace::api
