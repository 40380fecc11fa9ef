#include "publication_actor.hpp"

#include <caf/all.hpp>

#include "base/clock.hpp"
#include "base/ids.hpp"
#include "base/log.hpp"

namespace millrace::ingest {
using PublicationEventPtr = std::shared_ptr<const PublicationEvent>;
}
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(millrace::ingest::PublicationEventPtr)

namespace millrace::ingest {

struct PublicationTicket::Mailbox {
  std::mutex mutex;
  caf::actor actor;
  std::vector<PublicationEventPtr> early;
};

PublicationTicket::PublicationTicket() : mailbox_(std::make_unique<Mailbox>()) {}
PublicationTicket::~PublicationTicket() = default;

void PublicationTicket::tell(PublicationEvent event) {
  auto pointer = std::make_shared<const PublicationEvent>(std::move(event));
  const std::lock_guard lock(mailbox_->mutex);
  if (mailbox_->actor) {
    caf::anon_send(mailbox_->actor, std::move(pointer));
  } else {
    mailbox_->early.push_back(std::move(pointer));
  }
}

struct PublicationState {
  std::shared_ptr<PublicationTicket> ticket;
  Authority* authority = nullptr;
  Announcer* announcer = nullptr;
  LiveStreams* streams = nullptr;
  caf::event_based_actor* self = nullptr;

  static inline const char* name = "publication";  // CAF reads it

  caf::behavior make_behavior();
  void bind();
  void ask();
  void handle(const DecisionMade& made);
  void handle(const ClaimAnswered& answered);
  void handle(const TracksChanged& changed);
  void handle(const PublisherGone& gone);
  void refuse(Error error);
  void drop(media::LogEnd reason);
  void end();
};

void PublicationState::bind() {
  PublicationTicket::Mailbox& mailbox = *ticket->mailbox_;
  const std::lock_guard lock(mailbox.mutex);
  mailbox.actor = caf::actor_cast<caf::actor>(self);
  for (PublicationEventPtr& event : mailbox.early) self->send(self, std::move(event));
  mailbox.early.clear();
}

caf::behavior PublicationState::make_behavior() {
  bind();
  // After a crash: what was under way is done again, what was reached stays.
  if (ticket->phase_ == PublicationTicket::Phase::kAsking ||
      ticket->phase_ == PublicationTicket::Phase::kForsaken)
    ask();
  return {
      [this](const PublicationEventPtr& event) { std::visit([this](const auto& e) { handle(e); }, *event); },
  };
}

void PublicationState::ask() {
  authority->may_publish(ticket->question, [ticket = ticket](Result<PublishDecision> decision) {
    ticket->tell(DecisionMade{std::move(decision)});
  });
}

void PublicationState::refuse(Error error) {
  ticket->reject(std::move(error));
  end();
}

void PublicationState::drop(media::LogEnd reason) {
  const LiveStreamPtr& stream = ticket->stream_;
  announcer->dropped(stream ? stream->stream_id : std::string(), ticket->publication_id,
                     stream ? stream->epoch : 0, reason);
}

void PublicationState::end() {
  ticket->phase_ = PublicationTicket::Phase::kAsking;
  self->quit();
}

void PublicationState::handle(const DecisionMade& made) {
  if (ticket->phase_ == PublicationTicket::Phase::kForsaken) {
    const PublishDecision decision =
        made.decision.value_or(PublishDecision{.allowed = true, .stream_id = {}});
    if (decision.allowed) {
      announcer->dropped(decision.stream_id, ticket->publication_id, decision.epoch,
                         media::LogEnd::kDisconnected);
    }
    return end();
  }
  if (ticket->phase_ != PublicationTicket::Phase::kAsking) return;
  if (!made.decision) drop(media::LogEnd::kTimedOut);  // auth may have decided, too late for us
  if (!made.decision && made.decision.error().code == "auth.superseded") {
    return refuse({"ingest.superseded", "a newer publisher has this stream"});
  }
  if (!made.decision) return refuse({"ingest.no_decision", "nobody can decide at the moment: try again"});
  if (!made.decision->allowed || !is_valid_id(made.decision->stream_id)) {
    return refuse({"ingest.denied", "publishing is not allowed with this key"});
  }
  auto stream = std::make_shared<LiveStream>();
  stream->stream_id = made.decision->stream_id;
  stream->epoch = made.decision->epoch;
  stream->publication_id = ticket->publication_id;
  stream->started_wall_us = wall_us();
  stream->app = ticket->question.app;
  stream->peer_address = ticket->question.peer_address;
  stream->session_id = made.decision->session_id;
  stream->forward_urls = made.decision->forward_urls;
  stream->is_private = made.decision->is_private;
  stream->play_tag = made.decision->play_tag;
  stream->limits = {made.decision->max_bitrate_kbps, made.decision->resolution};
  stream->terminate = ticket->terminate;
  stream->change_limits = ticket->change_limits;
  ticket->stream_ = std::move(stream);
  ticket->phase_ = PublicationTicket::Phase::kClaiming;
  streams->claim(ticket->stream_,
                 [ticket = ticket](LiveStreams::Claim claim) { ticket->tell(ClaimAnswered{claim}); });
}

void PublicationState::handle(const ClaimAnswered& answered) {
  if (ticket->phase_ != PublicationTicket::Phase::kClaiming) return;
  if (answered.claim == LiveStreams::Claim::kSuperseded) {
    drop(media::LogEnd::kTakenOver);
    return refuse({"ingest.superseded", "a newer publisher has this stream"});
  }
  ticket->phase_ = PublicationTicket::Phase::kAccepted;
  ticket->accept(ticket->stream_);
}

void PublicationState::handle(const TracksChanged& changed) {
  if (ticket->phase_ == PublicationTicket::Phase::kAccepted)
    ticket->phase_ = PublicationTicket::Phase::kAnnounced;
  if (ticket->phase_ != PublicationTicket::Phase::kAnnounced) return;
  announcer->published(*ticket->stream_, changed.tracks, changed.encoder);
  ticket->stream_->announced.store(true, std::memory_order_release);
}

// The end is told before the stream is free for the next publication: nobody sees them in the other order.
void PublicationState::handle(const PublisherGone& gone) {
  if (ticket->phase_ == PublicationTicket::Phase::kAnnounced) {
    ticket->stream_->announced.store(false, std::memory_order_release);
    announcer->statistics({ticket->stream_});
    announcer->ended(*ticket->stream_, gone.reason);
  }
  if (ticket->phase_ == PublicationTicket::Phase::kClaiming ||
      ticket->phase_ == PublicationTicket::Phase::kAccepted) {
    drop(gone.reason);
  }
  if (ticket->stream_) streams->release(ticket->stream_);
  if (ticket->phase_ == PublicationTicket::Phase::kAsking) {
    ticket->phase_ = PublicationTicket::Phase::kForsaken;
    return;
  }
  end();
}

caf::actor spawn_publication(caf::event_based_actor& supervisor, std::shared_ptr<PublicationTicket> ticket,
                             Authority& authority, Announcer& announcer, LiveStreams& streams) {
  // With an argument: CAF 0.17 dereferences a null pointer for functions that take none.
  const auto body = [&authority, &announcer, &streams](
                        caf::stateful_actor<PublicationState>* self,
                        const std::shared_ptr<PublicationTicket>& publication) {
    self->state.ticket = publication;
    self->state.authority = &authority;
    self->state.announcer = &announcer;
    self->state.streams = &streams;
    self->state.self = self;
    return self->state.make_behavior();
  };
  return supervisor.home_system().spawn(body, std::move(ticket));
}

}  // namespace millrace::ingest
