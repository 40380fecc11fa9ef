// POST /api/v1/admin/streams/:streamId/ban
#include "handlers/stream_ban.hpp"
#include "routes.hpp"

namespace millrace::api {

http::Response stream_ban_post(const Call& call, const Context& context) {
  return set_banned(call, context, true);
}

}  // namespace millrace::api
