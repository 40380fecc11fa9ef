#include "flv_delivery.hpp"

#include <algorithm>

#include "base/clock.hpp"
#include "delivery.hpp"
#include "http/websocket.hpp"
#include "media_path.hpp"

namespace millrace::packaging {

bool FlvDelivery::is_known(std::string_view stream_id) const {
  const std::shared_ptr<const StreamLogs> logs = dependencies_.logs(stream_id);
  if (!logs || logs->logs.empty()) return false;
  const bool may_come = dependencies_.wait_us > 0 && !was_closed(*logs);
  return may_come || logs->logs.back().info.end == media::LogEnd::kLive;
}

bool FlvDelivery::is_marked(std::string_view stream_id) const {
  const std::shared_ptr<const StreamLogs> logs = dependencies_.logs(stream_id);
  return logs && is_private(*logs);
}

std::function<bool(bool)> FlvDelivery::permission(std::string_view stream_id,
                                                  std::optional<playback::Claims> claims) const {
  return [gate = &gate_, stream_id = std::string(stream_id), claims = std::move(claims)](bool is_marked) {
    return gate->may_go_on(stream_id, is_marked, claims, wall_now());
  };
}

std::optional<http::Response> FlvDelivery::answer(const http::Request& request, std::int64_t now_us,
                                                  WallTime wall) {
  const auto stream_id = parse_flv_path(request.path);
  if (!stream_id || (request.method != http::Method::kGet && request.method != http::Method::kHead))
    return std::nullopt;
  http::Response response;
  PlaybackGate::Access access = gate_.admit(request, *stream_id, is_marked(*stream_id), wall);
  if (access.refusal) {
    dependencies_.metrics.refused_by_gate(access.refusal->status);
    response = std::move(*access.refusal);
  } else if (!is_known(*stream_id)) {
    dependencies_.metrics.not_found();
    response = http::Response::problem(404, "packaging.not_found", "there is no such thing");
  } else {
    auto feed = std::make_unique<FlvFeed>(
        dependencies_,
        FlvViewer{std::string(*stream_id), request.peer_address,
                  std::string(request.headers.find("User-Agent").substr(0, kMaxUserAgent)),
                  permission(*stream_id, std::move(access.claims))},
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
