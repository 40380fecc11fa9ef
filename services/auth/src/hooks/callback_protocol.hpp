// The publish callback: POST to CALLBACK_URL with an empty body and the header rtmp-event, a JWT whose claims
// say what happened. start is accepted with status 200; the header stream-id of the answer, which may be
// missing, names the session. stop is acknowledged with any 2xx. Players are not reported. Claims: sub,
// event, channel, key, stream_id (where it is known), client_ip, rtmp_host, rtmp_port, iat, exp.
#pragma once

#include "base/secret.hpp"
#include "base/wall_time.hpp"
#include "hooks/hook.hpp"

namespace millrace::auth {

struct CallbackSettings {
  std::string url;
  Secret secret;
  std::string subject = "rtmp_event";
  std::string rtmp_host;
  std::uint16_t rtmp_port = 1935;
};

class CallbackProtocol final : public HookProtocol {
 public:
  static constexpr std::int64_t kLifetimeSeconds = 120;
  static constexpr std::size_t kMaxSessionIdLength = 256;

  explicit CallbackProtocol(CallbackSettings settings) : settings_(std::move(settings)) {}
  std::optional<http::Call> call(Occasion occasion, const AccessRequest& request,
                                 WallTime now) const override;
  Verdict verdict(const http::CallAnswer& answer) const override;

 private:
  CallbackSettings settings_;
};

}  // namespace millrace::auth
