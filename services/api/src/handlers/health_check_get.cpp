// GET /api/v1/health-check: true while the application answers. What the services say of themselves: /readyz.
#include "routes.hpp"

namespace millrace::api {

http::Response health_check_get(const Call& /*call*/, const Context& /*context*/) {
  return json_response(200, "true");
}

}  // namespace millrace::api
