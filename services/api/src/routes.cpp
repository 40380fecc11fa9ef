#include "routes.hpp"

#include <algorithm>
#include <array>
#include <limits>

// The documented API exists twice: below /api and without it.
#define MILLRACE_BOTH(ROUTE, method, path, ...) \
  ROUTE(method, "/api" path, __VA_ARGS__)       \
  ROUTE(method, path, __VA_ARGS__)

// clang-format off
// method, path, operation, handler (declared here, defined in handlers/<handler>.cpp), sharing if it is not
// kNone
#define MILLRACE_API_ROUTES(ROUTE) \
  MILLRACE_BOTH(ROUTE, kGet, "/stream/key", kReadStream, stream_key_get) \
  MILLRACE_BOTH(ROUTE, kGet, "/stream/credentials", kReadStream, stream_credentials_get) \
  MILLRACE_BOTH(ROUTE, kGet, "/stream/list", kReadStream, stream_list_get) \
  MILLRACE_BOTH(ROUTE, kGet, "/stream/details/:streamKey", kReadStream, stream_details_get) \
  MILLRACE_BOTH(ROUTE, kGet, "/stream/:streamKey", kReadStream, stream_details_get) \
  MILLRACE_BOTH(ROUTE, kGet, "/stream/status/:streamKey", kReadStatus, stream_status_get, kAnonymous) \
  MILLRACE_BOTH(ROUTE, kGet, "/stream/metrics/:streamKey", kReadStatus, stream_metrics_get, kAnonymous) \
  MILLRACE_BOTH(ROUTE, kGet, "/stream/health/:streamKey", kReadStatus, stream_health_get, kAnonymous) \
  MILLRACE_BOTH(ROUTE, kPost, "/stream/start/:streamKey", kChangeStream, stream_start_post) \
  MILLRACE_BOTH(ROUTE, kPost, "/stream/stop/:streamKey", kChangeStream, stream_stop_post) \
  MILLRACE_BOTH(ROUTE, kPost, "/stream/settings/:streamKey", kChangeStream, stream_settings_post) \
  MILLRACE_BOTH(ROUTE, kDelete, "/stream/key/:streamKey", kChangeStream, stream_key_delete) \
  MILLRACE_BOTH(ROUTE, kPost, "/stream/regenerate-key", kChangeStream, stream_regenerate_post) \
  MILLRACE_BOTH(ROUTE, kPost, "/stream/visibility/:streamKey", kChangeStream, stream_visibility_post) \
  MILLRACE_BOTH(ROUTE, kPost, "/stream/playback/:streamKey", kGrantPlayback, stream_playback_post) \
  MILLRACE_BOTH(ROUTE, kGet, "/stream/viewers/:streamKey", kGrantPlayback, stream_viewers_get) \
  MILLRACE_BOTH(ROUTE, kPost, "/stream/viewers/:streamKey", kGrantPlayback, stream_viewers_post) \
  MILLRACE_BOTH(ROUTE, kDelete, "/stream/viewers/:streamKey/:viewerId", kGrantPlayback, stream_viewers_delete) \
  MILLRACE_BOTH(ROUTE, kPost, "/playback/:streamId", kRedeemPlayback, playback_post) \
  MILLRACE_BOTH(ROUTE, kPost, "/playback/:streamId/release", kRedeemPlayback, playback_release_post) \
  ROUTE(kPost, "/api/v1/admin/streams/:streamId/ban", kBanStream, stream_ban_post) \
  ROUTE(kPost, "/api/v1/admin/streams/:streamId/unban", kBanStream, stream_unban_post) \
  MILLRACE_BOTH(ROUTE, kGet, "/metrics", kReadStatus, metrics_list_get, kAnonymous) \
  MILLRACE_BOTH(ROUTE, kGet, "/metrics/:streamKey", kReadStatus, metrics_get, kAnonymous) \
  MILLRACE_BOTH(ROUTE, kGet, "/vod", kListRecordings, vod_list_get, kAnonymous) \
  MILLRACE_BOTH(ROUTE, kGet, "/vod/list", kListRecordings, vod_list_get, kAnonymous) \
  MILLRACE_BOTH(ROUTE, kGet, "/vod/details/:filename", kReadRecording, vod_details_get, kAnonymous) \
  MILLRACE_BOTH(ROUTE, kGet, "/vod/access/:filename", kReadRecording, vod_access_get) \
  MILLRACE_BOTH(ROUTE, kGet, "/ads/vast-tag", kReadAds, ads_tag_get) \
  MILLRACE_BOTH(ROUTE, kGet, "/ads/vast", kReadAds, ads_vast_get) \
  ROUTE(kPost, "/api/v1/login/access-token", kLogin, login_post) \
  ROUTE(kPost, "/api/v1/login/test-token", kReadAccount, user_me_get) \
  ROUTE(kPost, "/test-token", kReadAccount, user_me_get) \
  ROUTE(kPost, "/api/v1/users/signup", kSignUp, user_signup_post) \
  ROUTE(kGet, "/api/v1/users/me", kReadAccount, user_me_get) \
  ROUTE(kPatch, "/api/v1/users/me", kChangeAccount, user_me_patch) \
  ROUTE(kDelete, "/api/v1/users/me", kChangeAccount, user_me_delete) \
  ROUTE(kPatch, "/api/v1/users/me/password", kChangeAccount, user_password_patch) \
  ROUTE(kGet, "/api/v1/users", kListAccounts, user_list_get) \
  ROUTE(kGet, "/api/v1/users/:id", kReadAccount, user_get) \
  ROUTE(kPatch, "/api/v1/users/:id", kManageAccounts, user_patch) \
  ROUTE(kDelete, "/api/v1/users/:id", kManageAccounts, user_delete) \
  ROUTE(kPost, "/api/v1/password-recovery/:email", kRecoverPassword, password_recovery_post) \
  ROUTE(kPost, "/api/v1/reset-password", kRecoverPassword, password_reset_post) \
  ROUTE(kGet, "/api/v1/health-check", kReadDocuments, health_check_get)
// clang-format on

namespace millrace::api {

#define MILLRACE_DECLARE(method, path, operation, handler, ...) \
  http::Response handler(const Call& call, const Context& context);
MILLRACE_API_ROUTES(MILLRACE_DECLARE)
#undef MILLRACE_DECLARE

std::span<const Route> routes() {
#define MILLRACE_ROW(method, path, operation, handler, ...)       \
  Route{http::Method::method, path, policy::Operation::operation, \
        &(handler)__VA_OPT__(, Sharing::) __VA_ARGS__},
  static const auto table = std::to_array<Route>({MILLRACE_API_ROUTES(MILLRACE_ROW)});
#undef MILLRACE_ROW
  return table;
}

std::size_t row_of(const Route& route) {
  return static_cast<std::size_t>(&route - routes().data());
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
      if (parameters != nullptr) found.emplace_back(expected.substr(1), segment);
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

std::string_view method_name(http::Method method) {
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
      return "GET";
  }
}

RouteMatch find_route(http::Method method, std::string_view path) {
  const http::Method wanted = method == http::Method::kHead ? http::Method::kGet : method;
  RouteMatch match;
  // A segment that is named wins over one that stands for any: GET /stream/list is no stream called "list".
  std::ptrdiff_t fewest = std::numeric_limits<std::ptrdiff_t>::max();
  for (const Route& route : routes()) {
    if (!matches(route.path, path)) continue;
    const std::ptrdiff_t open = std::count(route.path.begin(), route.path.end(), ':');
    if (open > fewest) continue;
    if (open < fewest) match = {};
    fewest = open;
    if (route.method == wanted) match.route = &route;
    match.methods.append(method_name(route.method))
        .append(route.method == http::Method::kGet ? ", HEAD, " : ", ");
  }
  if (!match.methods.empty()) match.methods.append("OPTIONS");
  if (match.route != nullptr) matches(match.route->path, path, &match.parameters);
  return match;
}

}  // namespace millrace::api
