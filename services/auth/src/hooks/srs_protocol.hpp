// Hooks as SRS calls them ("HTTP Callback"): POST of a JSON object whose action is on_publish, on_unpublish,
// on_play or on_stop. Accepted is status 200 with {"code":0} or the text 0. data.urls of an accepted
// on_publish says where the stream is to be forwarded to, as SRS's on_forward does.
#pragma once

#include "base/wall_time.hpp"
#include "hooks/hook.hpp"

namespace millrace::auth {

class SrsProtocol final : public HookProtocol {
 public:
  static constexpr std::size_t kMaxForwardUrls = 16;

  // server_id: by what the hook distinguishes several servers.
  SrsProtocol(std::string url, std::string server_id)
      : url_(std::move(url)), server_id_(std::move(server_id)) {}
  std::optional<http::Call> call(Occasion occasion, const AccessRequest& request,
                                 WallTime now) const override;
  Verdict verdict(const http::CallAnswer& answer) const override;

 private:
  std::string url_;
  std::string server_id_;
};

}  // namespace millrace::auth
