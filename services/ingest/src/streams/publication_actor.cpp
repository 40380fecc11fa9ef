#include "streams/publication_actor.hpp"

#include <caf/all.hpp>

#include "base/clock.hpp"
#include "base/ids.hpp"
#include "base/log.hpp"
#include "base/reply_codes.hpp"
#include "base/survive.hpp"
#include "errors.hpp"

namespace millrace::ingest {

// Of the tracks only the newest news counts.
void PublicationTicket::report(PublicationEvent event) {
  const bool tracks = std::holds_alternative<TracksChanged>(event);
  const bool room = inbox_.put_newest(std::move(event), [tracks](const PublicationEvent& waiting) {
    return tracks && std::holds_alternative<TracksChanged>(waiting);
  });
  if (!room)
    log::error("too many events for a publication: the oldest is lost",
               {{"publication", hex_id(publication_id)}});
}

struct PublicationState {
  std::shared_ptr<PublicationTicket> ticket;
  std::optional<PublicationDependencies> dependencies;
  caf::event_based_actor* self = nullptr;

  static inline const char* name = "publication";  // CAF reads it

  caf::behavior make_behavior();
  void ask();
  void handle(const DecisionMade& made);
  void handle(const ClaimAnswered& answered);
  void handle(const TracksChanged& changed);
  void handle(const PublisherGone& gone);
  void refuse(Error error);
  void drop(media::LogEnd reason);
  void end();
};

caf::behavior PublicationState::make_behavior() {
  if (!ticket->asked_) ask();
  return {[this](runtime::WakeAtom) {
    // The ticket outlives this: end() may let go of the state's.
    const std::shared_ptr<PublicationTicket> held = ticket;
    held->inbox_.handle(
        [this](const PublicationEvent& event) { std::visit([this](const auto& e) { handle(e); }, event); },
        [this](const PublicationEvent&) {
          give_up(*ticket, *dependencies);
          self->quit();
        });
    // Perhaps by an incarnation that was killed in the midst of the last event: nothing comes any more.
    if (held->over()) self->quit();
  }};
}

void PublicationState::ask() {
  dependencies->authority.may_publish(ticket->question, [ticket = ticket](Result<PublishDecision> decision) {
    ticket->report(DecisionMade{std::move(decision)});
  });
  ticket->asked_ = true;
}

void PublicationState::refuse(Error error) {
  ticket->reject(std::move(error));
  end();
}

void PublicationState::drop(media::LogEnd reason) {
  const LiveStreamPtr& stream = ticket->stream_;
  dependencies->announcer.dropped(stream ? stream->stream_id : std::string(), ticket->publication_id,
                                  stream ? stream->epoch : kNoEpoch, reason);
}

void PublicationState::end() {
  ticket->over_ = true;
  ticket->inbox_.close();
  self->quit();
}

void PublicationState::handle(const DecisionMade& made) {
  if (ticket->phase_ == PublicationTicket::Phase::kForsaken) {
    const PublishDecision decision =
        made.decision.value_or(PublishDecision{.allowed = true, .stream_id = {}});
    if (decision.allowed) {
      dependencies->announcer.dropped(decision.stream_id, ticket->publication_id, decision.epoch,
                                      media::LogEnd::kDisconnected);
    }
    return end();
  }
  if (ticket->phase_ != PublicationTicket::Phase::kAsking) return;
  if (!made.decision) drop(media::LogEnd::kTimedOut);  // auth may have decided, too late for us
  if (!made.decision && made.decision.error().code == reply_codes::kSuperseded) {
    return refuse({ingest::errors::kSuperseded, "a newer publisher has this stream"});
  }
  if (!made.decision) return refuse({"ingest.no_decision", "nobody can decide at the moment: try again"});
  if (!made.decision->allowed || !is_valid_id(made.decision->stream_id)) {
    return refuse({ingest::errors::kDenied, "publishing is not allowed with this key"});
  }
  auto stream = std::make_shared<LiveStream>();
  stream->stream_id = made.decision->stream_id;
  stream->epoch = made.decision->epoch;
  stream->publication_id = ticket->publication_id;
  stream->started_wall = wall_now();
  stream->app = ticket->question.app;
  stream->peer_address = ticket->question.peer_address;
  stream->session_id = made.decision->session_id;
  stream->forward_urls = made.decision->forward_urls;
  stream->is_private = made.decision->is_private;
  stream->play_tag = made.decision->play_tag;
  stream->limits = {made.decision->max_bitrate_kbps, made.decision->resolution};
  stream->terminate = ticket->terminate;
  stream->change_limits = ticket->change_limits;
  if (ticket->stream_) dependencies->streams.release(ticket->stream_);  // of a try that failed half way
  ticket->stream_ = std::move(stream);
  dependencies->streams.claim(
      ticket->stream_, [ticket = ticket](LiveStreams::Claim claim) { ticket->report(ClaimAnswered{claim}); });
  ticket->phase_ = PublicationTicket::Phase::kClaiming;  // the answer waits in the inbox
}

void PublicationState::handle(const ClaimAnswered& answered) {
  if (ticket->phase_ != PublicationTicket::Phase::kClaiming) return;
  if (answered.claim == LiveStreams::Claim::kSuperseded) {
    drop(media::LogEnd::kTakenOver);
    return refuse({ingest::errors::kSuperseded, "a newer publisher has this stream"});
  }
  // In this order: what fails is tried again. A second word is no news to the connection.
  ticket->accept(ticket->stream_);
  ticket->phase_ = PublicationTicket::Phase::kAccepted;
}

void PublicationState::handle(const TracksChanged& changed) {
  if (ticket->phase_ == PublicationTicket::Phase::kAccepted)
    ticket->phase_ = PublicationTicket::Phase::kAnnounced;
  if (ticket->phase_ != PublicationTicket::Phase::kAnnounced) return;
  dependencies->announcer.published(*ticket->stream_, changed.tracks, changed.encoder);
  ticket->stream_->announced.store(true, std::memory_order_release);
}

// The end is reported before the stream is free for the next publication: nobody sees them in the other
// order.
void PublicationState::handle(const PublisherGone& gone) {
  if (ticket->phase_ == PublicationTicket::Phase::kAnnounced) {
    ticket->stream_->announced.store(false, std::memory_order_release);
    dependencies->announcer.statistics({ticket->stream_});
    dependencies->announcer.ended(*ticket->stream_, gone.reason);
  }
  if (ticket->phase_ == PublicationTicket::Phase::kClaiming ||
      ticket->phase_ == PublicationTicket::Phase::kAccepted) {
    drop(gone.reason);
  }
  if (ticket->stream_) dependencies->streams.release(ticket->stream_);
  if (ticket->phase_ == PublicationTicket::Phase::kAsking) {
    ticket->phase_ = PublicationTicket::Phase::kForsaken;
    return;
  }
  end();
}

void give_up(PublicationTicket& ticket, const PublicationDependencies& dependencies) {
  using Phase = PublicationTicket::Phase;
  if (ticket.over_.exchange(true)) return;
  ticket.inbox_.close();
  const LiveStreamPtr& stream = ticket.stream_;
  // What fails here is not tried again: each for itself, so that the stream is free in any case.
  (void)survives("publication", [&] { ticket.terminate(media::LogEnd::kProtocolError); });
  (void)survives("publication", [&] {
    if (ticket.phase_ == Phase::kAnnounced) {
      stream->announced.store(false, std::memory_order_release);
      dependencies.announcer.ended(*stream, media::LogEnd::kProtocolError);
    } else {
      dependencies.announcer.dropped(stream ? stream->stream_id : std::string(), ticket.publication_id,
                                     stream ? stream->epoch : kNoEpoch, media::LogEnd::kProtocolError);
    }
  });
  if (stream) dependencies.streams.release(stream);
  log::error("a publication is given up", {{"stream", stream ? stream->stream_id : std::string()},
                                           {"publication", hex_id(ticket.publication_id)}});
}

caf::actor spawn_publication(caf::event_based_actor& supervisor,
                             const std::shared_ptr<PublicationTicket>& ticket,
                             const PublicationDependencies& dependencies) {
  // With an argument: CAF 0.17 dereferences a null pointer for functions that take none.
  const auto body = [dependencies](caf::stateful_actor<PublicationState>* self,
                                   const std::shared_ptr<PublicationTicket>& publication) {
    self->state.ticket = publication;
    self->state.dependencies.emplace(dependencies);
    self->state.self = self;
    return self->state.make_behavior();
  };
  caf::actor actor = supervisor.home_system().spawn(body, ticket);
  ticket->inbox_.replace(actor);
  return actor;
}

}  // namespace millrace::ingest
