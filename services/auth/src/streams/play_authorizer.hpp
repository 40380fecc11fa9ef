// Who may play, where hooks or a callback have a say: own store, channel or name, then hooks, one after the
// other. While they are asked nothing waits. One owner, one thread at a time; calls block for a transaction.
#pragma once

#include <memory>
#include <optional>

#include "hooks/hook_question.hpp"
#include "now.hpp"
#include "pending_request.hpp"
#include "poster.hpp"
#include "sessions/end_notices.hpp"
#include "sessions/play_ledger.hpp"
#include "sessions/session_ledger.hpp"
#include "streams/access_policy.hpp"
#include "streams/channel_repository.hpp"
#include "streams/decisions.hpp"

namespace millrace::auth {

class PlayAuthorizer {
 public:
  // All outlive this.
  PlayAuthorizer(Decisions& decisions, ChannelRepository& channels, const SessionLedger& sessions,
                 PlayLedger& plays, EndNotices& ends, const AccessPolicy& policy, Poster<PlayAuthorizer> post,
                 NowSource now)
      : decisions_(decisions),
        channels_(channels),
        sessions_(sessions),
        plays_(plays),
        ends_(ends),
        policy_(policy),
        post_(std::move(post)),
        now_(std::move(now)) {}

  // Of AuthorizePlay; answers now or later.
  void authorize(const PendingRequestPtr& pending, Now now);

 private:
  struct Attempt;
  using AttemptPtr = std::shared_ptr<Attempt>;

  Result<std::optional<PlayAdmission>> stream_to_play(const v1::AuthorizePlay& ask, Now now);
  std::optional<PlayAdmission> channel_to_play(const v1::AuthorizePlay& ask, bool with_token);
  std::optional<PlayAdmission> name_to_play(const v1::AuthorizePlay& ask, bool with_token, bool is_private);
  void ask_next(const AttemptPtr& attempt);
  void finish(const Attempt& attempt, Now now);

  Decisions& decisions_;
  ChannelRepository& channels_;
  const SessionLedger& sessions_;
  PlayLedger& plays_;
  EndNotices& ends_;
  const AccessPolicy& policy_;
  Poster<PlayAuthorizer> post_;
  NowSource now_;
};

}  // namespace millrace::auth
