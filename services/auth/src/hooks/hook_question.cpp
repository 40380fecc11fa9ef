#include "hooks/hook_question.hpp"

#include <algorithm>

namespace millrace::auth {
namespace {

// The answer has to reach ingest before it gives up.
constexpr std::int64_t kWayBackUs = 300'000;
constexpr std::int64_t kLeastUs = 50'000;

}  // namespace

bool any_wants(const std::vector<HookPtr>& hooks, Occasion occasion) {
  return std::any_of(hooks.begin(), hooks.end(), [&](const HookPtr& hook) { return hook->wants(occasion); });
}

std::chrono::milliseconds time_for_hooks(std::chrono::milliseconds hook_timeout, std::int64_t deadline_us,
                                         std::int64_t now_us) {
  const std::int64_t left_us = std::max(deadline_us - now_us - kWayBackUs, kLeastUs);
  return std::min(hook_timeout, std::chrono::milliseconds(left_us / 1000));
}

bool HookQuestion::ask_next(std::function<void()> answered) {
  while (next_ < hooks_.size() && !hooks_[next_]->wants(occasion_)) ++next_;
  if (next_ == hooks_.size() || refused_ || error_) return false;
  const HookPtr& hook = hooks_[next_++];
  hook->ask(occasion_, request_, timeout_,
            [this, hook, answered = std::move(answered)](const Result<Verdict>& verdict) {
              take(*hook, verdict);
              answered();
            });
  return true;
}

void HookQuestion::take(const Hook& hook, const Result<Verdict>& verdict) {
  if (!verdict) {
    error_ = verdict.error();
  } else if (!verdict->accepted) {
    refused_ = true;
  } else {
    if (hook.wants(occasion_ == Occasion::kPublish ? Occasion::kUnpublish : Occasion::kStop))
      owed_ |= bit(hook.kind());
    if (!verdict->session_id.empty()) request_.session_id = verdict->session_id;
    forward_urls_.insert(forward_urls_.end(), verdict->forward_urls.begin(), verdict->forward_urls.end());
  }
}

}  // namespace millrace::auth
