#include "routes.hpp"

#include <array>

// method, path, operation, handler (declared here, defined in handlers/<handler>.cpp)
#define MILLRACE_API_ROUTES(ROUTE)                                      \
  ROUTE(kGet, "/api/stream/key", kReadStream, stream_key_get)           \
  ROUTE(kGet, "/api/stream/list", kReadStream, stream_list_get)         \
  ROUTE(kGet, "/api/stream/status/:id", kReadStatus, stream_status_get) \
  ROUTE(kGet, "/api/vod/list", kListRecordings, vod_list_get)

namespace millrace::api {

#define MILLRACE_DECLARE(method, path, operation, handler) \
  http::Response handler(const Call& call, const Context& context);
MILLRACE_API_ROUTES(MILLRACE_DECLARE)
#undef MILLRACE_DECLARE

std::span<const Route> routes() {
#define MILLRACE_ROW(method, path, operation, handler) \
  Route{http::Method::method, path, policy::Operation::operation, &(handler)},
  static const auto table = std::to_array<Route>({MILLRACE_API_ROUTES(MILLRACE_ROW)});
#undef MILLRACE_ROW
  return table;
}

bool matches(std::string_view pattern, std::string_view path, Parameters* parameters) {
  Parameters found;
  if (path.ends_with('/')) path.remove_suffix(1);
  while (!pattern.empty() && !path.empty()) {
    if (pattern.front() != '/' || path.front() != '/') return false;
    const std::size_t pattern_end = std::min(pattern.find('/', 1), pattern.size());
    const std::size_t path_end = std::min(path.find('/', 1), path.size());
    const std::string_view expected = pattern.substr(1, pattern_end - 1);
    const std::string_view segment = path.substr(1, path_end - 1);
    if (expected.starts_with(':')) {
      if (segment.empty()) return false;
      found.emplace_back(expected.substr(1), segment);
    } else if (expected != segment) {
      return false;
    }
    pattern.remove_prefix(pattern_end);
    path.remove_prefix(path_end);
  }
  if (!pattern.empty() || !path.empty()) return false;
  if (parameters != nullptr) *parameters = std::move(found);
  return true;
}

namespace {

std::string_view name_of(http::Method method) {
  switch (method) {
    case http::Method::kPost:
      return "POST";
    case http::Method::kPut:
      return "PUT";
    case http::Method::kPatch:
      return "PATCH";
    case http::Method::kDelete:
      return "DELETE";
    default:
      return "GET, HEAD";
  }
}

}  // namespace

RouteMatch find_route(http::Method method, std::string_view path) {
  const http::Method wanted = method == http::Method::kHead ? http::Method::kGet : method;
  RouteMatch match;
  for (const Route& route : routes()) {
    if (!matches(route.path, path)) continue;
    if (route.method == wanted) match.route = &route;
    match.methods.append(name_of(route.method)).append(", ");
  }
  if (!match.methods.empty()) match.methods.append("OPTIONS");
  return match;
}

}  // namespace millrace::api
