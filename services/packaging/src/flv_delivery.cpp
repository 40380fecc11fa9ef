#include "flv_delivery.hpp"

#include <algorithm>

#include "delivery.hpp"
#include "http/websocket.hpp"
#include "media_path.hpp"

namespace millrace::packaging {

bool FlvDelivery::is_known(std::string_view stream_id) const {
  const std::shared_ptr<const StreamLogs> logs = outside_.logs(stream_id);
  if (!logs || logs->logs.empty()) return false;
  return outside_.wait_us > 0 || logs->logs.back().end == media::LogEnd::kLive;
}

bool FlvDelivery::is_private(std::string_view stream_id) const {
  const std::shared_ptr<const StreamLogs> logs = outside_.logs(stream_id);
  return logs && std::any_of(logs->logs.begin(), logs->logs.end(),
                             [](const media::LogInfo& info) { return info.is_private; });
}

std::optional<http::Response> FlvDelivery::answer(const http::Request& request, std::int64_t now_us) {
  const auto stream_id = parse_flv_path(request.path);
  if (!stream_id || (request.method != http::Method::kGet && request.method != http::Method::kHead))
    return std::nullopt;
  http::Response response;
  if (is_private(*stream_id)) {
    outside_.metrics.forbidden();
    response = http::Response::problem(403, "packaging.private", "this stream is private");
  } else if (!is_known(*stream_id)) {
    outside_.metrics.not_found();
    response = http::Response::problem(404, "packaging.not_found", "there is no such thing");
  } else {
    auto feed = std::make_unique<FlvFeed>(
        outside_,
        FlvViewer{std::string(*stream_id), request.peer_address,
                  std::string(request.headers.find("User-Agent").substr(0, kMaxUserAgent))},
        now_us);
    if (http::asks_for_websocket(request)) {
      response = http::accept_websocket(request, std::make_shared<http::WebSocket>(std::move(feed)));
    } else {
      response.headers.set("Content-Type", "video/x-flv");
      response.live = std::move(feed);
    }
  }
  response.headers.set("Cache-Control", "no-store");
  allow_every_origin(response);
  return response;
}

}  // namespace millrace::packaging
