// Hooks as nginx-rtmp calls them (on_publish, on_publish_done, on_play, on_play_done): POST of a form with
// call, app, name, addr, clientid, flashver, tcurl, swfurl, pageurl, and the query's own parameters behind
// them. Any 2xx accepts; a redirect, which nginx-rtmp takes as another name, refuses.
#pragma once

#include "base/wall_time.hpp"
#include "hooks/hook.hpp"

namespace millrace::auth {

// An empty URL: not called.
struct NginxSettings {
  std::string on_publish;
  std::string on_publish_done;
  std::string on_play;
  std::string on_play_done;
};

class NginxProtocol final : public HookProtocol {
 public:
  explicit NginxProtocol(NginxSettings settings) : settings_(std::move(settings)) {}
  std::optional<http::Call> call(Occasion occasion, const AccessRequest& request,
                                 WallTime now) const override;
  Verdict verdict(const http::CallAnswer& answer) const override;

 private:
  NginxSettings settings_;
};

}  // namespace millrace::auth
