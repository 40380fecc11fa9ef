#include "hooks/callback_protocol.hpp"

#include <nlohmann/json.hpp>

#include "sessions/event_token.hpp"

namespace millrace::auth {

std::optional<http::Call> CallbackProtocol::call(Occasion occasion, const AccessRequest& request,
                                                 WallTime now) const {
  if (occasion != Occasion::kPublish && occasion != Occasion::kUnpublish) return std::nullopt;
  nlohmann::json claims = {{"sub", settings_.subject},
                           {"event", occasion == Occasion::kPublish ? "start" : "stop"},
                           {"channel", request.app},
                           {"key", request.name},
                           {"client_ip", request.client_ip},
                           {"rtmp_host", settings_.rtmp_host},
                           {"rtmp_port", settings_.rtmp_port},
                           {"iat", now.seconds()},
                           {"exp", now.seconds() + kLifetimeSeconds}};
  if (occasion == Occasion::kUnpublish) claims["stream_id"] = request.session_id;
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
