#include "callback_protocol.hpp"

#include <nlohmann/json.hpp>

#include "event_token.hpp"

namespace millrace::auth {

std::optional<http::Call> CallbackProtocol::call(Occasion occasion, const Visit& visit,
                                                 std::int64_t now_seconds) const {
  if (occasion != Occasion::kPublish && occasion != Occasion::kUnpublish) return std::nullopt;
  nlohmann::json claims = {{"sub", settings_.subject},
                           {"event", occasion == Occasion::kPublish ? "start" : "stop"},
                           {"channel", visit.app},
                           {"key", visit.name},
                           {"client_ip", visit.client_ip},
                           {"rtmp_host", settings_.rtmp_host},
                           {"rtmp_port", settings_.rtmp_port},
                           {"iat", now_seconds},
                           {"exp", now_seconds + kLifetimeSeconds}};
  if (occasion == Occasion::kUnpublish) claims["stream_id"] = visit.session_id;
  http::Call call;
  call.url = settings_.url;
  // Text that is not UTF-8 gets replacement characters; dump() would throw.
  call.headers = {
      {"rtmp-event",
       sign_hs256(settings_.secret, claims.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace))}};
  return call;
}

Verdict CallbackProtocol::verdict(const http::CallAnswer& answer) const {
  Verdict verdict;
  verdict.accepted = answer.status == 200;
  if (verdict.accepted) verdict.session_id = answer.header("stream-id").substr(0, kMaxSessionIdLength);
  return verdict;
}

}  // namespace millrace::auth
