// Publishers, from the question to the answer.
#include "base/log.hpp"
#include "base/secret.hpp"
#include "desk_chain.hpp"
#include "visit_text.hpp"

namespace millrace::auth {

namespace {

// The answer has to reach ingest before it gives up.
constexpr std::int64_t kWayBackUs = 300'000;
constexpr std::int64_t kLeastUs = 50'000;

bool wanted(const std::vector<HookPtr>& hooks, Occasion occasion) {
  for (const HookPtr& hook : hooks) {
    if (hook->wants(occasion)) return true;
  }
  return false;
}

}  // namespace

std::chrono::milliseconds Desk::time_for_hooks(const Inquiry& inquiry, Now now) const {
  const std::int64_t left_us = std::max(inquiry.deadline_us() - now.monotonic_us - kWayBackUs, kLeastUs);
  return std::min(outside_.hook_timeout, std::chrono::milliseconds(left_us / 1000));
}

// nullopt: refused without asking anybody.
Result<std::optional<std::string>> Desk::stream_to_publish(const auth::v1::AuthorizePublish& ask, Now now) {
  if (outside_.decides == Decides::kStore) {
    return decisions_.find_publishable(ask.app(), ask.key(), ask.peer_address(), now.monotonic_us);
  }
  if (!decisions_.may_publish(ask.peer_address(), now.monotonic_us)) return std::optional<std::string>();
  const bool channel = outside_.decides == Decides::kCallback;
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

void Desk::publish(const InquiryPtr& inquiry, Now now) {
  const auth::v1::AuthorizePublish& ask = inquiry->request().authorize_publish();
  const Result<std::optional<std::string>> stream_id = stream_to_publish(ask, now);
  bus::v1::Reply reply;
  if (!stream_id) {
    set_error(stream_id.error(), reply);
    return inquiry->answer(std::move(reply));
  }
  reply.mutable_authorize_publish();
  if (!*stream_id) return inquiry->answer(std::move(reply));
  auto chain = std::make_shared<Chain>();
  chain->inquiry = inquiry;
  chain->visit = {.id = ask.publication_id() != 0 ? ask.publication_id() : random_u64() | 1,
                  .stream_id = **stream_id,
                  .session_id = {},
                  .app = ask.app(),
                  .name = ask.key(),
                  .query = ask.query(),
                  .client_ip = ask.peer_address(),
                  .tc_url = ask.tc_url(),
                  .flash_version = ask.flash_version()};
  chain->arrival = ++arrivals_;
  chain->timeout = time_for_hooks(*inquiry, now);
  chain->outside = &outside_;
  if (Session* const known = book_.find(chain->visit.id); known != nullptr && known->ended_wall_us == 0) {
    // Asked again by the same publication: everybody has agreed already.
    chain->visit.session_id = known->visit.session_id;
    chain->next = outside_.hooks.size();
    known->arrival = chain->arrival;
  }
  ask_next(chain);
}

// One hook after the other; its answer comes back here.
void Desk::ask_next(const ChainPtr& chain) {
  const DeskOutside& outside = *chain->outside;
  while (chain->next < outside.hooks.size() && !outside.hooks[chain->next]->wants(chain->occasion))
    ++chain->next;
  if (chain->next == outside.hooks.size() || chain->refused || chain->error) {
    return chain->occasion == Occasion::kPublish ? finish_publish(chain, outside.now())
                                                 : finish_play(chain, outside.now());
  }
  const HookPtr& hook = outside.hooks[chain->next++];
  hook->ask(chain->occasion, chain->visit, chain->timeout, [chain, hook](Result<Verdict> verdict) {
    const Occasion end = chain->occasion == Occasion::kPublish ? Occasion::kUnpublish : Occasion::kStop;
    if (!verdict) {
      chain->error = verdict.error();
    } else if (!verdict->accepted) {
      chain->refused = true;
    } else {
      if (hook->wants(end)) chain->owed |= bit(hook->kind());
      if (!verdict->session_id.empty()) chain->visit.session_id = verdict->session_id;
      chain->forward_urls.insert(chain->forward_urls.end(), verdict->forward_urls.begin(),
                                 verdict->forward_urls.end());
    }
    chain->outside->post([chain](Desk& desk) { desk.ask_next(chain); });
  });
}

void Desk::finish_publish(const ChainPtr& chain, Now now) {
  bus::v1::Reply reply;
  reply.mutable_authorize_publish();
  const bool late = now.monotonic_us >= chain->inquiry->deadline_us();
  if (!chain->refused && !chain->error && !late) return admit(chain, now);
  // Who had agreed before hears that it came to nothing.
  remember(chain, true, now);
  if (chain->error) {
    log::warning("nobody decides about a publisher", {{"stream", chain->visit.stream_id},
                                                      {"code", chain->error->code},
                                                      {"message", chain->error->message}});
    set_error({"auth.hook", "a callback or hook does not answer"}, reply);
  } else if (chain->refused) {
    decisions_.publish_failed(chain->visit.client_ip, now.monotonic_us);
  } else {
    return chain->inquiry->expire();
  }
  chain->inquiry->answer(std::move(reply));
}

Result<std::optional<Admission>> Desk::new_epoch(const Visit& visit) {
  if (outside_.decides == Decides::kStore) return decisions_.admit(visit.app, visit.name);
  const Result<std::optional<Channel>> channel =
      channels_.admit(visit.stream_id, outside_.private_by_default);
  if (!channel) return tl::unexpected<Error>(channel.error());
  if (!*channel) return std::optional<Admission>();
  Admission admission;
  admission.stream_id = visit.stream_id;
  admission.epoch = (*channel)->epoch;
  admission.is_private = (*channel)->is_private;
  // Players of a channel name the key that it is published with; those of a name that only hooks know need
  // nothing, unless it is private.
  if (outside_.decides == Decides::kCallback) {
    admission.play_tag = decisions_.play_tag(visit.name);
  } else if (admission.is_private) {
    admission.play_tag = decisions_.token_tag(visit.stream_id);
  }
  return std::optional(std::move(admission));
}

// The order of arrival decides, not which callback was faster: a publisher that came later has the stream.
void Desk::admit(const ChainPtr& chain, Now now) {
  const Visit& visit = chain->visit;
  bus::v1::Reply reply;
  const Session* const newest = book_.newest(visit.stream_id);
  if (newest != nullptr && newest->arrival > chain->arrival) {
    remember(chain, true, now);
    set_error({"auth.superseded", "a newer publisher has this stream"}, reply);
    return chain->inquiry->answer(std::move(reply));
  }
  // Stored before it is answered: whatever happens from now on, its end is reported.
  if (!remember(chain, false, now)) {
    set_error({"auth.overloaded", "too many sessions"}, reply);
    return chain->inquiry->answer(std::move(reply));
  }
  const Result<std::optional<Admission>> admission = new_epoch(visit);
  if (!admission || !*admission) publication_over(visit.id, now);
  if (!admission) {
    set_error(admission.error(), reply);
  } else {
    auth::v1::AuthorizePublishReply& answer = *reply.mutable_authorize_publish();
    fill(*admission, answer);
    if (*admission) {
      answer.set_session_id(visit.session_id);
      for (const std::string& url : chain->forward_urls) answer.add_forward_urls(url);
    }
  }
  chain->inquiry->answer(std::move(reply));
}

// Also a session whose end nobody asked for: of two publishers the later one is told by it. Only what is
// owed outlives a restart. False: there is no room for it.
bool Desk::remember(const ChainPtr& chain, bool ended, Now now) {
  if ((ended && chain->owed == 0) || book_.find(chain->visit.id) != nullptr) return true;
  if (book_.size() >= SessionBook::kMaxSessions) return false;
  Session session;
  session.visit = chain->visit;
  session.owed = chain->owed;
  session.admitted_wall_us = now.wall_us;
  session.ended_wall_us = ended ? now.wall_us : 0;
  session.arrival = chain->arrival;
  const Result<void> stored = session.owed == 0 ? Result<void>() : stored_.add(session);
  if (!stored) {
    log::error("a session can't be stored: its end may get lost",
               {{"stream", session.visit.stream_id}, {"reason", stored.error().message}});
  }
  if (ended) owe(session, now);
  return book_.add(std::move(session));
}

bool Desk::handle(const InquiryPtr& inquiry, Now now) {
  switch (inquiry->request().payload_case()) {
    case bus::v1::Request::kAuthorizePublish:
      if (outside_.decides == Decides::kStore && !wanted(outside_.hooks, Occasion::kPublish)) return false;
      publish(inquiry, now);
      return true;
    case bus::v1::Request::kAuthorizePlay:
      if (outside_.decides == Decides::kStore && !wanted(outside_.hooks, Occasion::kPlay)) return false;
      play(inquiry, now);
      return true;
    case bus::v1::Request::kRegenerateKey:
      regenerate_key(inquiry, now);
      return true;
    case bus::v1::Request::kSetBanned:
    case bus::v1::Request::kSetPrivate:
      set_flag(inquiry, now);
      return true;
    case bus::v1::Request::kUpdateSettings:
      update_settings(inquiry, now);
      return true;
    case bus::v1::Request::kHoldStream:
      hold(inquiry, now);
      return true;
    default:
      return false;
  }
}

}  // namespace millrace::auth
