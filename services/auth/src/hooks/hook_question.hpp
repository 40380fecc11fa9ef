// One question about a publish or play on its way through the hooks, one after the other until one refuses or
// fails. Passed on from thread to thread, never used by two at once.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "hooks/hook.hpp"

namespace millrace::auth {

// Whether any of them is asked on this occasion.
bool any_wants(const std::vector<HookPtr>& hooks, Occasion occasion);
// What each hook may take, so that the answer still reaches ingest before the request's deadline.
std::chrono::milliseconds time_for_hooks(std::chrono::milliseconds hook_timeout, std::int64_t deadline_us,
                                         std::int64_t now_us);

class HookQuestion {
 public:
  // hooks outlive this. occasion: kPublish or kPlay. timeout: of each hook.
  HookQuestion(const std::vector<HookPtr>& hooks, Occasion occasion, AccessRequest request,
               std::chrono::milliseconds timeout)
      : hooks_(hooks), occasion_(occasion), request_(std::move(request)), timeout_(timeout) {}

  // Nobody needs to be asked, as all of them agreed before.
  void skip_hooks() { next_ = hooks_.size(); }
  // Asks the next hook; answered is called once its answer is in here, on any thread, and keeps this alive
  // until then. False: there is nobody else to ask.
  bool ask_next(std::function<void()> answered);

  // The hooks' name of the session is in it.
  const AccessRequest& request() const { return request_; }
  bool refused() const { return refused_; }
  const std::optional<Error>& error() const { return error_; }
  // HookKind bits: those that agreed and want to hear of the end.
  std::uint32_t owed() const { return owed_; }
  const std::vector<std::string>& forward_urls() const { return forward_urls_; }

 private:
  void take(const Hook& hook, const Result<Verdict>& verdict);

  const std::vector<HookPtr>& hooks_;
  const Occasion occasion_;
  AccessRequest request_;
  const std::chrono::milliseconds timeout_;
  std::size_t next_ = 0;
  std::uint32_t owed_ = 0;
  std::vector<std::string> forward_urls_;
  bool refused_ = false;
  std::optional<Error> error_;
};

}  // namespace millrace::auth
