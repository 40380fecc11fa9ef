#include "hooks/http_hook.hpp"

#include "base/clock.hpp"
#include "base/log.hpp"
#include "http/errors.hpp"
#include "sessions/request_text.hpp"

namespace millrace::auth {

namespace {

bool decides(Occasion occasion) {
  return occasion == Occasion::kPublish || occasion == Occasion::kPlay;
}

// A proxy in front says that nobody is there: as good as no answer.
bool is_nobody(int status) {
  return status == 502 || status == 503 || status == 504;
}

}  // namespace

AccessRequest without_secrets(const AccessRequest& request) {
  static constexpr std::array<std::string_view, 2> kSecrets = {"key", "token"};
  AccessRequest shown = request;
  shown.name = request.stream_id;
  shown.query = without_parameters(request.query, kSecrets);
  shown.tc_url = request.tc_url.substr(0, request.tc_url.find('?'));
  return shown;
}

std::string_view to_string(HookKind kind) {
  switch (kind) {
    case HookKind::kCallback:
      return "callback";
    case HookKind::kSrs:
      return "srs";
    case HookKind::kNginx:
      break;
  }
  return "nginx";
}

bool HttpHook::admit() {
  const std::lock_guard lock(mutex_);
  return breaker_.admit(monotonic_us());
}

Result<Verdict> HttpHook::judge(Occasion occasion, const Result<http::CallAnswer>& answer) {
  const bool answered = answer && !is_nobody(answer->status);
  // What is our own doing says nothing about the hook.
  const bool ours = !answer && (answer.error().code == http::errors::kStopped ||
                                answer.error().code == http::errors::kOverloaded);
  if (!ours) {
    const std::lock_guard lock(mutex_);
    const auto before = breaker_.state();
    answered ? breaker_.succeeded() : breaker_.failed(monotonic_us());
    if (breaker_.state() != before) {
      const bool open = breaker_.state() == http::CircuitBreaker::State::kOpen;
      log::warning(open ? "hook does not answer: it is left alone for a while" : "hook answers again",
                   {{"hook", to_string(kind_)}, {"reason", answer ? "status" : answer.error().message}});
    }
  }
  if (!answer) return tl::unexpected<Error>(answer.error());
  if (!answered) return fail("hook.unavailable", "the hook's server is not available");
  if (decides(occasion)) return protocol_->verdict(*answer);
  Verdict verdict;
  verdict.accepted = answer->status >= 200 && answer->status < 300;
  return verdict;
}

void HttpHook::ask(Occasion occasion, const AccessRequest& request, std::chrono::milliseconds timeout,
                   std::function<void(Result<Verdict>)> answer) {
  std::optional<http::Call> call =
      protocol_->call(occasion, names_ == HookNames::kId ? without_secrets(request) : request, wall_now());
  if (!call) return answer(Verdict{.accepted = true});
  if (!admit()) {
    metrics_.hook_asked(kind_, "unavailable");
    return answer(fail("hook.unavailable", "the hook has not answered lately"));
  }
  call->timeout = timeout;
  const auto answered = [this, occasion, answer = std::move(answer)](const Result<http::CallAnswer>& result) {
    Result<Verdict> verdict = judge(occasion, result);
    metrics_.hook_asked(kind_, !verdict ? "error" : verdict->accepted ? "accepted" : "refused");
    answer(std::move(verdict));
  };
  const Result<void> begun = client_.call(std::move(*call), answered);
  if (!begun) answered(tl::unexpected(begun.error()));
}

}  // namespace millrace::auth
