// Who may publish, where hooks or a callback have a say:
//
//   own store or limiter ─> hooks, one after the other ─> is it still the newest? ─> session stored
//                        ─> epoch ─> answer
//
// While hooks are asked nothing waits. One owner, one thread at a time; calls block for transactions.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "hooks/hook_question.hpp"
#include "now.hpp"
#include "pending_request.hpp"
#include "poster.hpp"
#include "sessions/end_notices.hpp"
#include "sessions/session_ledger.hpp"
#include "streams/access_policy.hpp"
#include "streams/channel_repository.hpp"
#include "streams/decisions.hpp"

namespace millrace::auth {

class PublishAuthorizer {
 public:
  // All outlive this.
  PublishAuthorizer(Decisions& decisions, ChannelRepository& channels, SessionLedger& sessions,
                    EndNotices& ends, const AccessPolicy& policy, Poster<PublishAuthorizer> post,
                    NowSource now)
      : decisions_(decisions),
        channels_(channels),
        sessions_(sessions),
        ends_(ends),
        policy_(policy),
        post_(std::move(post)),
        now_(std::move(now)) {}

  // Of AuthorizePublish; answers now or later.
  void authorize(const PendingRequestPtr& pending, Now now);

 private:
  struct Attempt;
  using AttemptPtr = std::shared_ptr<Attempt>;

  Result<std::optional<std::string>> stream_to_publish(const v1::AuthorizePublish& ask, Now now);
  void ask_next(const AttemptPtr& attempt);
  void finish(const Attempt& attempt, Now now);
  void admit(const Attempt& attempt, Now now);
  Result<std::optional<Admission>> new_epoch(const AccessRequest& request);
  bool remember(const Attempt& attempt, bool ended, Now now);

  Decisions& decisions_;
  ChannelRepository& channels_;
  SessionLedger& sessions_;
  EndNotices& ends_;
  const AccessPolicy& policy_;
  Poster<PublishAuthorizer> post_;
  NowSource now_;
};

}  // namespace millrace::auth
