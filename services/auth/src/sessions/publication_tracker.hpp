// What ingest reports of publications, and what follows from its silence: publications that must not be live
// are closed, sessions whose publication is gone are over. One owner, one thread at a time.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "now.hpp"
#include "poster.hpp"
#include "sessions/end_notices.hpp"
#include "sessions/session_ledger.hpp"
#include "streams/close_orders.hpp"
#include "streams/limit_orders.hpp"
#include "streams/live_view.hpp"

namespace millrace::auth {

class PublicationTracker {
 public:
  static constexpr std::int64_t kIngestLostUs = 60'000'000;  // then its publications count as ended
  // Of an order to close a channel: later it would hit another session.
  static constexpr std::int64_t kOrderRetryUs = 5'000'000;

  // Sees to it that what is live has no higher epoch than the database.
  using RaiseEpochs = std::function<void(const std::vector<LivePublication>& live)>;

  // All outlive this.
  PublicationTracker(SessionLedger& sessions, EndNotices& ends, CloseOrders& closes, LimitOrders& limits,
                     LiveView& live, RaiseEpochs raise_epochs, Poster<EndNotices> post_end, NowSource now)
      : sessions_(sessions),
        ends_(ends),
        closes_(closes),
        limits_(limits),
        live_(live),
        raise_epochs_(std::move(raise_epochs)),
        post_end_(std::move(post_end)),
        now_(std::move(now)) {}

  void published(const LivePublication& publication, Now now);
  // Everything that is live, at any instance of ingest.
  void snapshot(const std::vector<LivePublication>& live, Now now);
  // A newer publication of the same stream is live at another instance.
  void end_past(const std::vector<LivePublication>& past, Now now);
  // Ends what is published on a channel; session_id empty or "*": whichever session.
  void close_channel(const std::string& channel, const std::string& session_id, Now now);
  void tick(Now now);

 private:
  void end_lost(Now now);
  void ask_for_unseen(Now now);

  SessionLedger& sessions_;
  EndNotices& ends_;
  CloseOrders& closes_;
  LimitOrders& limits_;
  LiveView& live_;
  RaiseEpochs raise_epochs_;
  Poster<EndNotices> post_end_;
  NowSource now_;
  std::int64_t next_check_us_ = 0;
};

}  // namespace millrace::auth
