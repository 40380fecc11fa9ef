// The life of one publication: asks auth, waits for the stream's turn, announces tracks and the end. Bytes
// never come here; the connection does what its orders say.
//
//   asking ──decision──> claiming ──granted──> accepted ──tracks──> announced (the server reports statistics)
//      └──────────── refused, superseded, or the connection ended: released, gone ────────────┘
//
// What auth allowed and nobody saw as live is reported as dropped, so that auth can close its books; when
// the connection ends while auth is still asked, the actor stays (forsaken) until the answer is there.
//
// One actor under the publications' supervisor (publications.hpp). Its state and what it was sent live in the
// ticket, so that a restarted actor goes on.
#pragma once

#include <atomic>
#include <caf/fwd.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "other_services.hpp"
#include "runtime/inbox.hpp"

namespace millrace::ingest {

struct DecisionMade {
  Result<PublishDecision> decision;
};
struct ClaimAnswered {
  LiveStreams::Claim claim;
};
struct TracksChanged {
  std::vector<TrackFormat> tracks;
  std::string encoder;
};
struct PublisherGone {
  media::LogEnd reason;
};
using PublicationEvent = std::variant<DecisionMade, ClaimAnswered, TracksChanged, PublisherGone>;

// What an actor works with; all of it outlives the actor system.
struct PublicationDependencies {
  Authority& authority;
  Announcer& announcer;
  LiveStreams& streams;
};

// Shared by the connection and the actor.
class PublicationTicket {
 public:
  // Set before the actor starts, constant then. The functions run on the connection's thread, or not at all
  // when the connection has gone.
  PublishQuestion question;
  PublicationId publication_id{};
  std::function<void(LiveStreamPtr)> accept;
  std::function<void(Error)> reject;
  std::function<void(media::LogEnd)> terminate;
  std::function<void(StreamLimits)> change_limits{};

  PublicationTicket() = default;
  PublicationTicket(const PublicationTicket&) = delete;
  PublicationTicket& operator=(const PublicationTicket&) = delete;

  // Any thread: kept until the actor has handled it, whether it lives now or not.
  void report(PublicationEvent event);
  // The publication is over, and nobody needs the actor any more.
  bool over() const { return over_; }
  // The present incarnation.
  caf::actor actor() const { return inbox_.actor(); }

 private:
  friend struct PublicationState;
  friend caf::actor spawn_publication(caf::event_based_actor&, const std::shared_ptr<PublicationTicket>&,
                                      const PublicationDependencies&);
  friend void give_up(PublicationTicket&, const PublicationDependencies&);
  enum class Phase : std::uint8_t { kAsking, kClaiming, kAccepted, kAnnounced, kForsaken };
  static constexpr std::size_t kMaxEvents = 16;  // of each kind there is one, and few are sent twice
  runtime::Inbox<PublicationEvent> inbox_{kMaxEvents};
  std::atomic<bool> over_{false};
  // The actor's.
  Phase phase_ = Phase::kAsking;
  std::atomic<bool> asked_{false};  // the answer comes, whatever happens to the actor
  LiveStreamPtr stream_;
};

// For a ChildSpec: transient, named after the publication.
caf::actor spawn_publication(caf::event_based_actor& supervisor,
                             const std::shared_ptr<PublicationTicket>& ticket,
                             const PublicationDependencies& dependencies);

// The actor can't live, or can't handle what it must: its publisher is cut off, its stream is free again, and
// all that know of it as live learn of the end. From the actor, or when there will be none any more.
void give_up(PublicationTicket& ticket, const PublicationDependencies& dependencies);

}  // namespace millrace::ingest
