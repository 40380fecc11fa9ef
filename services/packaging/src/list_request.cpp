#include "list_request.hpp"

#include "http/content_coding.hpp"
#include "media_path.hpp"

namespace millrace::packaging {

bool asks_for_list(const http::Request& request) {
  if (request.method != http::Method::kGet && request.method != http::Method::kHead) return false;
  const auto path = parse_stream_path(request.path);
  return path &&
         (path->is_playlist() || path->is_manifest() || path->is_dvr_playlist() || path->is_dvr_manifest());
}

bool has_misleading_query(const http::Request& request) {
  return !hls::has_literal_names(request.raw_query, request.query);
}

http::Response refused_directive(std::string_view why) {
  http::Response response = http::Response::problem(400, "packaging.directive", why);
  response.headers.set("Cache-Control", "no-store");
  return response;
}

bool asks_for_plain(const http::Request& request) {
  return request.parameter("ll") == "0";
}

bool takes_gzip(const http::Request& request) {
  constexpr std::string_view kAcceptEncoding = "Accept-Encoding";
  return http::prefers_gzip(request.headers.contains(kAcceptEncoding)
                                ? std::optional(request.headers.find(kAcceptEncoding))
                                : std::nullopt);
}

}  // namespace millrace::packaging
