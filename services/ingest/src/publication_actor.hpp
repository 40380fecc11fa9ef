// The life of one publication: asks auth, waits for the stream's turn, announces tracks and the end. Bytes
// never come here; the connection does as it is told.
//
//   asking ──decision──> claiming ──granted──> accepted ──tracks──> announced (the server tells statistics)
//      └──────────── refused, superseded, or the connection ended: released, gone ────────────┘
//
// What auth allowed and nobody heard of as live is told as dropped, so that auth can close its books; when
// the connection ends while auth is still asked, the actor stays (forsaken) until the answer is there.
//
// One actor under the publications' supervisor. Its state lives in the ticket, so that a restarted actor goes
// on.
#pragma once

#include <caf/fwd.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "outside.hpp"

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

// Shared by the connection and the actor.
class PublicationTicket {
 public:
  // Set before the actor starts, constant then. The functions run on the connection's thread, or not at all
  // when the connection has gone.
  PublishQuestion question;
  std::uint64_t publication_id = 0;
  std::function<void(LiveStreamPtr)> accept;
  std::function<void(Error)> reject;
  std::function<void(media::LogEnd)> terminate;
  std::function<void(StreamLimits)> change_limits{};

  PublicationTicket();
  ~PublicationTicket();
  PublicationTicket(const PublicationTicket&) = delete;
  PublicationTicket& operator=(const PublicationTicket&) = delete;

  // Any thread: to the actor, kept until there is one.
  void tell(PublicationEvent event);

 private:
  friend struct PublicationState;
  friend caf::actor spawn_publication(caf::event_based_actor& supervisor,
                                      std::shared_ptr<PublicationTicket> ticket, Authority& authority,
                                      Announcer& announcer, LiveStreams& streams);
  enum class Phase : std::uint8_t { kAsking, kClaiming, kAccepted, kAnnounced, kForsaken };
  struct Mailbox;
  std::unique_ptr<Mailbox> mailbox_;
  // The actor's.
  Phase phase_ = Phase::kAsking;
  LiveStreamPtr stream_;
};

// For a ChildSpec: transient, named after the publication. The references outlive the actor system.
caf::actor spawn_publication(caf::event_based_actor& supervisor, std::shared_ptr<PublicationTicket> ticket,
                             Authority& authority, Announcer& announcer, LiveStreams& streams);

}  // namespace millrace::ingest
