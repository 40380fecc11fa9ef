// Publishers, players and their streams, where others have a say or have to hear of them. Holds the parts
// that decide, and routes requests and events to them:
//
//   AuthorizePublish ─> PublishAuthorizer ─┬─> SessionLedger <─┬─ PublicationTracker <─ ingest's events
//   AuthorizePlay ────> PlayAuthorizer ────┴─> PlayLedger      │          │
//                              │                EndNotices <───┘          v
//   RegenerateKey, … ─> StreamCommands ─────────────────────> CloseOrders, LimitOrders ─> ingest
//                              └─> StandingAnnouncer ─> whoever shows the media log
//
// Owner: the database actor; its thread only. Calls block for database transactions.
#pragma once

#include "sessions/publication_tracker.hpp"
#include "streams/play_authorizer.hpp"
#include "streams/publish_authorizer.hpp"
#include "streams/stream_commands.hpp"

namespace millrace::auth {

class AccessControl;

// What access control reaches others by; constant. Functions: any thread.
struct AccessDependencies {
  AccessPolicy policy{};
  Poster<AccessControl> post{};
  CloseOrders::Send close{};
  LimitOrders::Send limit{};
  StandingAnnouncer::Announce announce_private{};  // may be empty
  StandingAnnouncer::Announce announce_barred{};   // may be empty
  NowSource now{};
  LiveView* live = nullptr;
  AuthMetrics* metrics = nullptr;
};

class AccessControl {
 public:
  static constexpr std::int64_t kTickUs = 250'000;

  // All outlive this.
  AccessControl(Decisions& decisions, ChannelRepository& channels, SessionRepository& sessions,
                const AccessDependencies& dependencies);

  // Sessions and revocations of before the start, what is live, and what is private or barred. Errors: those
  // of the store.
  Result<void> open(Now now);
  // The same of what is private, barred or revoked: after a time in which a change may have been stored
  // although it was answered with an error.
  Result<void> catch_up(Now now);

  // True when it took the request: it answers now or later. The other kinds are RequestHandler's.
  bool handle(const PendingRequestPtr& pending, Now now);
  void tick(Now now);

  // What ingest reports, and orders over Redis.
  PublicationTracker& publications() { return publications_; }
  // Ends of publications and plays.
  EndNotices& ends() { return ends_; }
  // Of streams whose accounts are switched off or deleted.
  CloseOrders& closes() { return closes_; }

 private:
  void raise_epochs(const std::vector<LivePublication>& live);
  template <class Part>
  Poster<Part> post_to(Part AccessControl::*part) const;

  const AccessPolicy& policy_;
  Decisions& decisions_;
  ChannelRepository& channels_;
  const Poster<AccessControl> post_;
  LiveView& live_;
  SessionLedger sessions_;
  PlayLedger plays_;
  EndNotices ends_;
  CloseOrders closes_;
  LimitOrders limits_;
  StandingAnnouncer announcer_;
  PublicationTracker publications_;
  PublishAuthorizer publish_;
  PlayAuthorizer play_;
  StreamCommands commands_;
};

}  // namespace millrace::auth
