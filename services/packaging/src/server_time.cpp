#include "server_time.hpp"

#include "base/clock.hpp"

namespace millrace::packaging {

std::string time_url(std::string_view stream_id) {
  std::string url(kTimePath);
  if (stream_id.empty()) return url;
  return url.append("?").append(kTimeParameter).append("=").append(stream_id);
}

http::Response server_time(WallTime now) {
  http::Response response = http::Response::text(200, "text/plain", rfc3339(now));
  response.headers.set("Cache-Control", "no-store");
  return response;
}

}  // namespace millrace::packaging
