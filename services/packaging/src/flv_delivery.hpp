// HTTP-FLV and WebSocket-FLV: answers GET /live/<id>.flv with an FlvFeed. Runs on the HTTP server's threads.
#pragma once

#include <optional>

#include "base/wall_time.hpp"
#include "flv_feed.hpp"
#include "http/message.hpp"
#include "playback_gate.hpp"

namespace millrace::packaging {

class FlvDelivery {
 public:
  // gate outlives this.
  FlvDelivery(FlvDependencies dependencies, const PlaybackGate& gate)
      : dependencies_(std::move(dependencies)), gate_(gate) {}

  // nullopt: the request is about something else (also another method: Delivery says what it thinks of it).
  // Of what is private, or has become it, only with a playback token; a viewer is cut when that ends, or
  // when the stream is barred. 503 before it is known who may watch. 404 when it is barred, or when nothing
  // of it is in the log; a stream that has ended is waited for.
  std::optional<http::Response> answer(const http::Request& request, std::int64_t now_us, WallTime wall);

 private:
  static constexpr std::size_t kMaxUserAgent = 128;  // what distinguishes viewers
  bool is_known(std::string_view stream_id) const;
  bool is_marked(std::string_view stream_id) const;
  // FlvViewer::may_watch. Also of a public stream with claims: it may become private while somebody watches.
  std::function<bool(bool)> permission(std::string_view stream_id,
                                       std::optional<playback::Claims> claims) const;

  FlvDependencies dependencies_;
  const PlaybackGate& gate_;
};

}  // namespace millrace::packaging
