// Players, from the question to the word that they have gone.
#include "base/ids.hpp"
#include "base/log.hpp"
#include "desk_chain.hpp"
#include "visit_text.hpp"

namespace millrace::auth {

Result<std::optional<PlayAdmission>> Desk::stream_to_play(const auth::v1::AuthorizePlay& ask, Now now) {
  const std::string& peer = ask.peer_address();
  if (outside_.decides == Decides::kStore) {
    return decisions_.authorize_play(ask.app(), ask.name(), query_parameter(ask.query(), "key"), peer,
                                     now.monotonic_us, query_parameter(ask.query(), "token"));
  }
  if (!decisions_.may_play(peer, now.monotonic_us)) return std::optional<PlayAdmission>();
  const bool callback = outside_.decides == Decides::kCallback;
  const std::string& stream_id = callback ? ask.app() : ask.name();
  const Result<std::optional<Channel>> known = channels_.find(stream_id);
  if (!known) return tl::unexpected<Error>(known.error());
  std::optional<PlayAdmission> admission;
  if (is_valid_id(stream_id) && !(*known && (*known)->banned)) {
    const bool with_token = decisions_.opens(query_parameter(ask.query(), "token"), stream_id, peer);
    const bool is_private = *known ? (*known)->is_private : outside_.private_by_default;
    admission = callback ? channel_to_play(ask, with_token) : name_to_play(ask, with_token, is_private);
  }
  if (!admission) decisions_.play_failed(peer, now.monotonic_us);
  return admission;
}

// The key must be the publisher's; a token stands for it. Where nobody publishes yet the player waits, and is
// compared when somebody does. Private or not is the same.
std::optional<PlayAdmission> Desk::channel_to_play(const auth::v1::AuthorizePlay& ask, bool with_token) {
  const Session* const newest = book_.newest(ask.app());
  const std::string& key = newest != nullptr && with_token ? newest->visit.name : ask.name();
  if (newest != nullptr && !equal_in_constant_time(as_bytes(newest->visit.name), as_bytes(key)))
    return std::nullopt;
  return PlayAdmission{ask.app(), decisions_.play_tag(key)};
}

// Streams that hooks know by name have no key: what is private needs a token, and a viewer with one stays
// when a public stream becomes private.
std::optional<PlayAdmission> Desk::name_to_play(const auth::v1::AuthorizePlay& ask, bool with_token,
                                                bool is_private) {
  if (ask.app() != "live" || (is_private && !with_token)) return std::nullopt;
  return PlayAdmission{ask.name(), with_token ? decisions_.token_tag(ask.name()) : 0};
}

void Desk::play(const InquiryPtr& inquiry, Now now) {
  const auth::v1::AuthorizePlay& ask = inquiry->request().authorize_play();
  const Result<std::optional<PlayAdmission>> admission = stream_to_play(ask, now);
  bus::v1::Reply reply;
  if (!admission) {
    set_error(admission.error(), reply);
    return inquiry->answer(std::move(reply));
  }
  reply.mutable_authorize_play();
  if (!*admission) return inquiry->answer(std::move(reply));
  auto chain = std::make_shared<Chain>();
  chain->inquiry = inquiry;
  chain->occasion = Occasion::kPlay;
  chain->visit = {.id = ask.play_id(),
                  .stream_id = (*admission)->stream_id,
                  .session_id = {},
                  .app = ask.app(),
                  .name = ask.name(),
                  .query = ask.query(),
                  .client_ip = ask.peer_address(),
                  .tc_url = ask.tc_url(),
                  .flash_version = ask.flash_version()};
  chain->play_tag = (*admission)->play_tag;
  chain->timeout = time_for_hooks(*inquiry, now);
  chain->outside = &outside_;
  ask_next(chain);
}

void Desk::finish_play(const ChainPtr& chain, Now now) {
  bus::v1::Reply reply;
  auth::v1::AuthorizePlayReply& answer = *reply.mutable_authorize_play();
  const bool late = now.monotonic_us >= chain->inquiry->deadline_us();
  const bool accepted = !chain->refused && !chain->error && !late;
  if (chain->visit.id != 0) remember_play(chain);
  if (accepted) {
    answer.set_allowed(true);
    answer.set_stream_id(chain->visit.stream_id);
    answer.set_play_tag(chain->play_tag);
    answer.set_report_end(chain->visit.id != 0 && chain->owed != 0);
    return chain->inquiry->answer(std::move(reply));
  }
  play_over(chain->visit.id, now);
  if (chain->error) {
    set_error({"auth.hook", "a hook does not answer"}, reply);
  } else if (chain->refused) {
    decisions_.play_failed(chain->visit.client_ip, now.monotonic_us);
  } else {
    return chain->inquiry->expire();
  }
  chain->inquiry->answer(std::move(reply));
}

void Desk::remember_play(const ChainPtr& chain) {
  if (chain->owed == 0 || plays_.contains(chain->visit.id)) return;
  while (plays_.size() >= kMaxPlays) {
    plays_.erase(plays_in_order_.front());
    plays_in_order_.pop_front();
  }
  const auto order = plays_in_order_.insert(plays_in_order_.end(), chain->visit.id);
  plays_.emplace(chain->visit.id, Play{chain->visit, chain->owed, order});
}

void Desk::play_over(std::uint64_t play_id, Now now) {
  const auto found = plays_.find(play_id);
  if (found == plays_.end()) return;
  for (const HookPtr& hook : outside_.hooks) {
    if ((found->second.owed & bit(hook->kind())) == 0) continue;
    for (const NoticeQueue::Key& lost :
         notices_.add({play_id, hook->kind()}, now.monotonic_us, now.monotonic_us + kGiveUpPlayStopUs)) {
      settle(lost);
    }
  }
  tell_notices(now);
}

}  // namespace millrace::auth
