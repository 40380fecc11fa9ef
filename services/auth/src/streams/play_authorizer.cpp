#include "streams/play_authorizer.hpp"

#include "base/ids.hpp"
#include "sessions/request_text.hpp"
#include "streams/request_handler.hpp"

namespace millrace::auth {
namespace {

AccessRequest access_request(const v1::AuthorizePlay& ask, const std::string& stream_id) {
  return {.id = ask.play_id(),
          .stream_id = stream_id,
          .session_id = {},
          .app = ask.app(),
          .name = ask.name(),
          .query = ask.query(),
          .client_ip = ask.peer_address(),
          .tc_url = ask.tc_url(),
          .flash_version = ask.flash_version()};
}

}  // namespace

struct PlayAuthorizer::Attempt {
  PendingRequestPtr pending;
  std::uint64_t play_tag;
  HookQuestion question;
};

Result<std::optional<PlayAdmission>> PlayAuthorizer::stream_to_play(const v1::AuthorizePlay& ask, Now now) {
  const std::string& peer = ask.peer_address();
  if (policy_.decides == Decides::kStore) {
    return decisions_.authorize_play(ask.app(), ask.name(), query_parameter(ask.query(), "key"), peer,
                                     now.monotonic_us, query_parameter(ask.query(), "token"));
  }
  if (!decisions_.may_play(peer, now.monotonic_us)) return std::optional<PlayAdmission>();
  const bool callback = policy_.decides == Decides::kCallback;
  const std::string& stream_id = callback ? ask.app() : ask.name();
  const Result<std::optional<Channel>> known = channels_.find(stream_id);
  if (!known) return tl::unexpected<Error>(known.error());
  std::optional<PlayAdmission> admission;
  if (is_valid_id(stream_id) && !(*known && (*known)->banned)) {
    const bool with_token = decisions_.opens(query_parameter(ask.query(), "token"), stream_id, peer);
    const bool is_private = *known ? (*known)->is_private : policy_.private_by_default;
    admission = callback ? channel_to_play(ask, with_token) : name_to_play(ask, with_token, is_private);
  }
  if (!admission) decisions_.play_failed(peer, now.monotonic_us);
  return admission;
}

// The key must be the publisher's; a token stands for it. Where nobody publishes yet the player waits, and is
// compared when somebody does. Private or not is the same.
std::optional<PlayAdmission> PlayAuthorizer::channel_to_play(const v1::AuthorizePlay& ask, bool with_token) {
  const Session* const newest = sessions_.book().newest(ask.app());
  const std::string& key = newest != nullptr && with_token ? newest->request.name : ask.name();
  if (newest != nullptr && !equal_in_constant_time(as_bytes(newest->request.name), as_bytes(key)))
    return std::nullopt;
  return PlayAdmission{ask.app(), decisions_.play_tag(key)};
}

// Streams that hooks know by name have no key: what is private needs a token, and a viewer with one stays
// when a public stream becomes private.
std::optional<PlayAdmission> PlayAuthorizer::name_to_play(const v1::AuthorizePlay& ask, bool with_token,
                                                          bool is_private) {
  if (ask.app() != "live" || (is_private && !with_token)) return std::nullopt;
  return PlayAdmission{ask.name(), with_token ? decisions_.token_tag(ask.name()) : 0};
}

void PlayAuthorizer::authorize(const PendingRequestPtr& pending, Now now) {
  const v1::AuthorizePlay& ask = pending->request().authorize_play();
  const Result<std::optional<PlayAdmission>> admission = stream_to_play(ask, now);
  bus::v1::Reply reply;
  if (!admission) {
    set_error(admission.error(), reply);
    return pending->answer(std::move(reply));
  }
  reply.mutable_authorize_play();
  if (!*admission) return pending->answer(std::move(reply));
  const auto timeout = time_for_hooks(policy_.hook_timeout, pending->deadline_us(), now.monotonic_us);
  ask_next(std::make_shared<Attempt>(
      Attempt{pending,
              (*admission)->play_tag,
              {policy_.hooks, Occasion::kPlay, access_request(ask, (*admission)->stream_id), timeout}}));
}

void PlayAuthorizer::ask_next(const AttemptPtr& attempt) {
  const bool asked = attempt->question.ask_next([attempt, post = post_] {
    post([attempt](PlayAuthorizer& authorizer) { authorizer.ask_next(attempt); });
  });
  if (!asked) finish(*attempt, now_());
}

void PlayAuthorizer::finish(const Attempt& attempt, Now now) {
  const HookQuestion& question = attempt.question;
  const AccessRequest& request = question.request();
  bus::v1::Reply reply;
  v1::AuthorizePlayReply& answer = *reply.mutable_authorize_play();
  const bool late = now.monotonic_us >= attempt.pending->deadline_us();
  const bool accepted = !question.refused() && !question.error() && !late;
  if (request.id != 0) plays_.add(request, question.owed());
  if (accepted) {
    answer.set_allowed(true);
    answer.set_stream_id(request.stream_id);
    answer.set_play_tag(attempt.play_tag);
    answer.set_report_end(request.id != 0 && question.owed() != 0);
    return attempt.pending->answer(std::move(reply));
  }
  ends_.play_over(request.id, now);
  if (question.error()) {
    set_error({"auth.hook", "a hook does not answer"}, reply);
  } else if (question.refused()) {
    decisions_.play_failed(request.client_ip, now.monotonic_us);
  } else {
    return attempt.pending->expire();
  }
  attempt.pending->answer(std::move(reply));
}

}  // namespace millrace::auth
