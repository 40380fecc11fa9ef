#include "streams/publish_authorizer.hpp"

#include "base/log.hpp"
#include "base/reply_codes.hpp"
#include "base/secret.hpp"
#include "streams/request_handler.hpp"

namespace millrace::auth {
namespace {

AccessRequest access_request(const v1::AuthorizePublish& ask, const std::string& stream_id) {
  return {.id = ask.publication_id() != 0 ? ask.publication_id() : random_u64() | 1,
          .stream_id = stream_id,
          .session_id = {},
          .app = ask.app(),
          .name = ask.key(),
          .query = ask.query(),
          .client_ip = ask.peer_address(),
          .tc_url = ask.tc_url(),
          .flash_version = ask.flash_version()};
}

}  // namespace

struct PublishAuthorizer::Attempt {
  PendingRequestPtr pending;
  std::uint64_t arrival;
  HookQuestion question;
};

// nullopt: refused without asking anybody.
Result<std::optional<std::string>> PublishAuthorizer::stream_to_publish(const v1::AuthorizePublish& ask,
                                                                        Now now) {
  if (policy_.decides == Decides::kStore) {
    return decisions_.find_publishable(ask.app(), ask.key(), ask.peer_address(), now.monotonic_us);
  }
  if (!decisions_.may_publish(ask.peer_address(), now.monotonic_us)) return std::optional<std::string>();
  const bool channel = policy_.decides == Decides::kCallback;
  // Hooks know application and name; our streams have one name only.
  if (!channel && ask.app() != "live") return std::optional<std::string>();
  const std::string& stream_id = channel ? ask.app() : ask.key();
  const Result<std::optional<Channel>> known = channels_.find(stream_id);
  if (!known) return tl::unexpected<Error>(known.error());
  if (*known && (*known)->banned) {
    decisions_.publish_failed(ask.peer_address(), now.monotonic_us);
    return std::optional<std::string>();
  }
  return std::optional(stream_id);
}

void PublishAuthorizer::authorize(const PendingRequestPtr& pending, Now now) {
  const v1::AuthorizePublish& ask = pending->request().authorize_publish();
  const Result<std::optional<std::string>> stream_id = stream_to_publish(ask, now);
  bus::v1::Reply reply;
  if (!stream_id) {
    set_error(stream_id.error(), reply);
    return pending->answer(std::move(reply));
  }
  reply.mutable_authorize_publish();
  if (!*stream_id) return pending->answer(std::move(reply));
  AccessRequest request = access_request(ask, **stream_id);
  const std::uint64_t arrival = sessions_.next_arrival();
  // Asked again by the same publication: everybody has agreed already.
  const Session* const known = sessions_.renew(PublicationId{request.id}, arrival);
  if (known != nullptr) request.session_id = known->request.session_id;
  const auto timeout = time_for_hooks(policy_.hook_timeout, pending->deadline_us(), now.monotonic_us);
  const auto attempt = std::make_shared<Attempt>(
      Attempt{pending, arrival, {policy_.hooks, Occasion::kPublish, std::move(request), timeout}});
  if (known != nullptr) attempt->question.skip_hooks();
  ask_next(attempt);
}

void PublishAuthorizer::ask_next(const AttemptPtr& attempt) {
  const bool asked = attempt->question.ask_next([attempt, post = post_] {
    post([attempt](PublishAuthorizer& authorizer) { authorizer.ask_next(attempt); });
  });
  if (!asked) finish(*attempt, now_());
}

void PublishAuthorizer::finish(const Attempt& attempt, Now now) {
  const HookQuestion& question = attempt.question;
  const AccessRequest& request = question.request();
  bus::v1::Reply reply;
  reply.mutable_authorize_publish();
  const bool late = now.monotonic_us >= attempt.pending->deadline_us();
  if (!question.refused() && !question.error() && !late) return admit(attempt, now);
  // Who had agreed before hears that it came to nothing.
  remember(attempt, true, now);
  if (question.error()) {
    log::warning("nobody decides about a publisher", {{"stream", request.stream_id},
                                                      {"code", question.error()->code},
                                                      {"message", question.error()->message}});
    set_error({"auth.hook", "a callback or hook does not answer"}, reply);
  } else if (question.refused()) {
    decisions_.publish_failed(request.client_ip, now.monotonic_us);
  } else {
    return attempt.pending->expire();
  }
  attempt.pending->answer(std::move(reply));
}

Result<std::optional<Admission>> PublishAuthorizer::new_epoch(const AccessRequest& request) {
  if (policy_.decides == Decides::kStore) return decisions_.admit(request.app, request.name);
  const Result<std::optional<Channel>> channel =
      channels_.admit(request.stream_id, policy_.private_by_default);
  if (!channel) return tl::unexpected<Error>(channel.error());
  if (!*channel) return std::optional<Admission>();
  Admission admission;
  admission.stream_id = request.stream_id;
  admission.epoch = (*channel)->epoch;
  admission.is_private = (*channel)->is_private;
  // Players of a channel name the key that it is published with; those of a name that only hooks know need
  // nothing, unless it is private.
  if (policy_.decides == Decides::kCallback) {
    admission.play_tag = decisions_.play_tag(request.name);
  } else if (admission.is_private) {
    admission.play_tag = decisions_.token_tag(request.stream_id);
  }
  return std::optional(std::move(admission));
}

// The order of arrival decides, not which callback was faster: a publisher that came later has the stream.
void PublishAuthorizer::admit(const Attempt& attempt, Now now) {
  const AccessRequest& request = attempt.question.request();
  bus::v1::Reply reply;
  const Session* const newest = sessions_.book().newest(request.stream_id);
  if (newest != nullptr && newest->arrival > attempt.arrival) {
    remember(attempt, true, now);
    set_error({reply_codes::kSuperseded, "a newer publisher has this stream"}, reply);
    return attempt.pending->answer(std::move(reply));
  }
  // Stored before it is answered: whatever happens from now on, its end is reported.
  if (!remember(attempt, false, now)) {
    set_error({reply_codes::kOverloaded, "too many sessions"}, reply);
    return attempt.pending->answer(std::move(reply));
  }
  const Result<std::optional<Admission>> admission = new_epoch(request);
  if (!admission || !*admission) ends_.publication_over(PublicationId{request.id}, now);
  if (!admission) {
    set_error(admission.error(), reply);
  } else {
    v1::AuthorizePublishReply& answer = *reply.mutable_authorize_publish();
    fill(*admission, answer);
    if (*admission) {
      answer.set_session_id(request.session_id);
      for (const std::string& url : attempt.question.forward_urls()) answer.add_forward_urls(url);
    }
  }
  attempt.pending->answer(std::move(reply));
}

// Also a session whose end nobody asked for: of two publishers the later one is known by it. Only what is
// owed outlives a restart. False: there is no room for it.
bool PublishAuthorizer::remember(const Attempt& attempt, bool ended, Now now) {
  const HookQuestion& question = attempt.question;
  const PublicationId id{question.request().id};
  if ((ended && question.owed() == 0) || sessions_.find(id) != nullptr) return true;
  const bool added = sessions_.add({.request = question.request(),
                                    .owed = question.owed(),
                                    .admitted_wall = now.wall,
                                    .ended_wall = ended ? now.wall : WallTime(),
                                    .arrival = attempt.arrival});
  if (added && ended) ends_.add(*sessions_.find(id), now);
  return added;
}

}  // namespace millrace::auth
