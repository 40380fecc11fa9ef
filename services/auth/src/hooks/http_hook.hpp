// A hook over HTTP: its protocol, a circuit breaker, and the client they share. Any thread.
#pragma once

#include <array>
#include <mutex>

#include "hooks/hook.hpp"
#include "http/circuit_breaker.hpp"
#include "http/client.hpp"
#include "metrics.hpp"

namespace millrace::auth {

// The stream's name for a hook: the one that the peer gave, which may be its key, or the public
// id.
enum class HookNames : std::uint8_t { kGiven, kId };

class HttpHook final : public Hook {
 public:
  // client and metrics outlive the hook.
  HttpHook(HookKind kind, std::unique_ptr<const HookProtocol> protocol, http::Client& client,
           AuthMetrics& metrics, HookNames names = HookNames::kGiven)
      : kind_(kind), names_(names), protocol_(std::move(protocol)), client_(client), metrics_(metrics) {
    for (std::size_t i = 0; i < wants_.size(); ++i) {
      wants_[i] = protocol_->call(static_cast<Occasion>(i), {}, {}).has_value();
    }
  }

  HookKind kind() const override { return kind_; }
  bool wants(Occasion occasion) const override { return wants_[static_cast<std::size_t>(occasion)]; }
  void ask(Occasion occasion, const AccessRequest& request, std::chrono::milliseconds timeout,
           std::function<void(Result<Verdict>)> answer) override;

 private:
  bool admit();
  Result<Verdict> judge(Occasion occasion, const Result<http::CallAnswer>& answer);

  HookKind kind_;
  HookNames names_;
  std::unique_ptr<const HookProtocol> protocol_;
  http::Client& client_;
  AuthMetrics& metrics_;
  std::array<bool, 4> wants_{};
  std::mutex mutex_;
  http::CircuitBreaker breaker_;
};

}  // namespace millrace::auth
