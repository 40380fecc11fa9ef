// HTTP-FLV and WebSocket-FLV: answers GET /live/<id>.flv with an FlvFeed. Runs on the HTTP server's threads.
#pragma once

#include <optional>

#include "flv_feed.hpp"
#include "http/message.hpp"

namespace millrace::packaging {

class FlvDelivery {
 public:
  explicit FlvDelivery(FlvOutside outside) : outside_(std::move(outside)) {}

  // nullopt: the request is about something else (also another method: Delivery says what it thinks of it).
  // 403 when the log has something private of it. 404 when nothing of the stream is in the log; a stream that
  // has ended is waited for.
  std::optional<http::Response> answer(const http::Request& request, std::int64_t now_us);

 private:
  static constexpr std::size_t kMaxUserAgent = 128;  // what tells viewers apart
  bool is_known(std::string_view stream_id) const;
  bool is_private(std::string_view stream_id) const;

  FlvOutside outside_;
};

}  // namespace millrace::packaging
