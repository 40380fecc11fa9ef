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
  return dependencies_.wait_us > 0 || logs->logs.back().info.end == media::LogEnd::kLive;
}

bool FlvDelivery::is_private(std::string_view stream_id, playback::Standing standing) const {
  const std::shared_ptr<const StreamLogs> logs = dependencies_.logs(stream_id);
  return standing == playback::Standing::kPrivate || (logs && packaging::is_private(*logs));
}

std::function<bool()> FlvDelivery::permission(const PlaybackGate::Decision& decision) const {
  if (!decision.claims) return {};
  return [gate = &gate_, claims = *decision.claims] { return gate->still_good(claims, wall_now()); };
}

std::optional<http::Response> FlvDelivery::answer(const http::Request& request, std::int64_t now_us,
                                                  WallTime wall) {
  const auto stream_id = parse_flv_path(request.path);
  if (!stream_id || (request.method != http::Method::kGet && request.method != http::Method::kHead))
    return std::nullopt;
  http::Response response;
  const playback::Standing standing = gate_.revocations.standing(*stream_id);
  std::optional<http::Response> closed = gate_.closed(standing);
  // Also of a public stream: it may become private while somebody watches.
  PlaybackGate::Decision decision = gate_.judge(request, *stream_id, wall);
  if (closed) {
    if (standing == playback::Standing::kBarred) dependencies_.metrics.not_found();
    response = std::move(*closed);
  } else if (decision.refusal && is_private(*stream_id, standing)) {
    dependencies_.metrics.forbidden();
    response = std::move(*decision.refusal);
  } else if (!is_known(*stream_id)) {
    dependencies_.metrics.not_found();
    response = http::Response::problem(404, "packaging.not_found", "there is no such thing");
  } else {
    auto feed = std::make_unique<FlvFeed>(
        dependencies_,
        FlvViewer{std::string(*stream_id), request.peer_address,
                  std::string(request.headers.find("User-Agent").substr(0, kMaxUserAgent)),
                  permission(decision)},
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
