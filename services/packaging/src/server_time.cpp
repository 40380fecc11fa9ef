#include "server_time.hpp"

#include "base/clock.hpp"

namespace millrace::packaging {

http::Response server_time(WallTime now) {
  http::Response response = http::Response::text(200, "text/plain", rfc3339(now));
  response.headers.set("Cache-Control", "no-store");
  return response;
}

}  // namespace millrace::packaging
