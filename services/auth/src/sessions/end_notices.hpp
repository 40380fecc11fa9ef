// Ends of publications and plays, and the notices of them that hooks are sent until each has acknowledged
// them or time is up:
//
//   over ─> ledger: ended, stored ─> queue ─> hook ─> acknowledged ─> ledger: settled
//                                      └─<── no answer: again, later
//
// One owner, one thread at a time; calls may block for a transaction.
#pragma once

#include <cstdint>

#include "metrics.hpp"
#include "now.hpp"
#include "poster.hpp"
#include "sessions/notice_queue.hpp"
#include "sessions/play_ledger.hpp"
#include "sessions/session_ledger.hpp"
#include "streams/access_policy.hpp"

namespace millrace::auth {

class EndNotices {
 public:
  // How long it is tried, counted from the end.
  static constexpr std::int64_t kGiveUpUnpublishUs = 24LL * 3600 * 1'000'000;
  static constexpr std::int64_t kGiveUpStopUs = 60'000'000;

  // All outlive this.
  EndNotices(SessionLedger& sessions, PlayLedger& plays, const AccessPolicy& policy, AuthMetrics& metrics,
             Poster<EndNotices> post, NowSource now)
      : sessions_(sessions),
        plays_(plays),
        policy_(policy),
        metrics_(metrics),
        post_(std::move(post)),
        now_(std::move(now)) {}

  // Nothing when it is unknown or over already.
  void publication_over(PublicationId publication_id, Now now);
  void play_over(std::uint64_t play_id, Now now);
  // Of a session of the ledger that has ended. Sent with the next send().
  void add(const Session& session, Now now);
  // What is due; with each tick.
  void send(Now now);

 private:
  void queue(std::uint64_t id, std::uint32_t owed, std::int64_t give_up_us, Now now);
  void answered(NoticeQueue::Key key, bool acknowledged, Now now);
  void settle(NoticeQueue::Key key);
  Hook* hook(HookKind kind) const;

  SessionLedger& sessions_;
  PlayLedger& plays_;
  const AccessPolicy& policy_;
  AuthMetrics& metrics_;
  Poster<EndNotices> post_;
  NowSource now_;
  NoticeQueue queue_;
};

}  // namespace millrace::auth
