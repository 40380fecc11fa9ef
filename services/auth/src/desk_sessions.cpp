// What ingest tells, and what hooks are told of it.
#include "base/log.hpp"
#include "base/secret.hpp"
#include "desk.hpp"
#include "visit_text.hpp"

namespace millrace::auth {

namespace {

constexpr std::int64_t kCheckUs = 5'000'000;

double spread() {
  return static_cast<double>(random_u64() >> 11) / static_cast<double>(std::uint64_t{1} << 53);
}

}  // namespace

Result<void> Desk::open(Now now) {
  Result<std::vector<Session>> sessions = stored_.load();
  if (!sessions) return tl::unexpected<Error>(sessions.error());
  std::uint32_t configured = 0;
  for (const HookPtr& hook : outside_.hooks) configured |= bit(hook->kind());
  for (Session& session : *sessions) {
    session.arrival = ++arrivals_;
    // Nobody is there any more to be told.
    if ((session.owed & configured) == 0) {
      (void)stored_.set_owed(session.visit.id, 0);
      continue;
    }
    session.owed &= configured;
    if (session.ended_wall_us != 0) owe(session, now);
    (void)book_.add(std::move(session));
  }
  if (outside_.live->known()) snapshot(outside_.live->all(), now);
  if (Result<void> told = tell_private(); !told) return told;
  return tell_barred();
}

void Desk::published(const LivePublication& publication, Now now) {
  const auto fence = fences_.find(publication.stream_id);
  const bool revoked = fence != fences_.end() && publication.epoch <= fence->second;
  if (!book_.published(publication.publication_id) || revoked) {
    close({.stream_id = publication.stream_id, .publication_id = publication.publication_id},
          now.monotonic_us + kCloseRetryUs);
  }
  const auto changed = limits_.find(publication.stream_id);
  if (changed != limits_.end()) limit(changed->second, now.monotonic_us + kCloseRetryUs);
}

void Desk::publication_over(std::uint64_t publication_id, Now now) {
  const Session* const session = book_.end(publication_id, now.wall_us);
  if (session == nullptr) return;
  if (session->owed == 0) return book_.erase(publication_id);
  if (const Result<void> stored = stored_.end(publication_id, now.wall_us); !stored) {
    log::error("the end of a session can't be stored",
               {{"stream", session->visit.stream_id}, {"reason", stored.error().message}});
  }
  owe(*session, now);
  tell_notices(now);
}

void Desk::snapshot(const std::vector<LivePublication>& live, Now now) {
  ingest_lost_us_ = 0;
  std::unordered_set<std::uint64_t> ids;
  for (const LivePublication& publication : live) {
    ids.insert(publication.publication_id);
    published(publication, now);
  }
  for (const std::uint64_t id : book_.missing(ids)) publication_over(id, now);
}

void Desk::tick(Now now) {
  tell_notices(now);
  std::vector<Retry> retries;
  retries.swap(retries_);
  for (const Retry& retry : retries) close(retry.order, retry.until_us);
  tell_limits();
  if (now.monotonic_us < next_check_us_) return;
  next_check_us_ = now.monotonic_us + kCheckUs;
  if (ingest_lost_us_ != 0 && now.monotonic_us - ingest_lost_us_ > kIngestLostUs) {
    for (const std::uint64_t id : book_.open()) publication_over(id, now);
  }
  if (!outside_.live->known() || ingest_lost_us_ != 0) return;
  for (const std::uint64_t id : book_.unseen(now.wall_us)) {
    // Ended when ingest knows nothing of it; otherwise ingest tells its end.
    outside_.close({.stream_id = book_.find(id)->visit.stream_id, .publication_id = id},
                   [post = outside_.post, id](const Result<bool>& closed) {
                     if (!closed || *closed) return;
                     post([id](Desk& desk) { desk.publication_over(id, desk.outside_.now()); });
                   });
  }
}

// --- notices ---

Hook* Desk::hook(HookKind kind) const {
  for (const HookPtr& hook : outside_.hooks) {
    if (hook->kind() == kind) return hook.get();
  }
  return nullptr;
}

void Desk::owe(const Session& session, Now now) {
  // Counted from the end, which may lie before a restart.
  const std::int64_t age_us = std::max<std::int64_t>(now.wall_us - session.ended_wall_us, 0);
  for (const HookPtr& hook : outside_.hooks) {
    if ((session.owed & bit(hook->kind())) == 0) continue;
    for (const NoticeQueue::Key& lost : notices_.add({session.visit.id, hook->kind()}, now.monotonic_us,
                                                     now.monotonic_us + kGiveUpStopUs - age_us)) {
      log::error("too many ends are to be told: one is given up", {{"publication", id_text(lost.id)}});
      settle(lost);
    }
  }
}

void Desk::tell_notices(Now now) {
  for (const NoticeQueue::Key& key : notices_.take(now.monotonic_us)) {
    const Session* const session = book_.find(key.id);
    const auto play = plays_.find(key.id);
    Hook* const told = hook(key.hook);
    if (told == nullptr || (session == nullptr && play == plays_.end())) {
      noticed(key, true, now);
      continue;
    }
    told->ask(session != nullptr ? Occasion::kUnpublish : Occasion::kStop,
              session != nullptr ? session->visit : play->second.visit, outside_.hook_timeout,
              [post = outside_.post, key](const Result<Verdict>& answer) {
                post([key, acknowledged = answer && answer->accepted](Desk& desk) {
                  desk.noticed(key, acknowledged, desk.outside_.now());
                });
              });
  }
}

void Desk::noticed(NoticeQueue::Key key, bool acknowledged, Now now) {
  if (!notices_.done(key, acknowledged, now.monotonic_us, spread())) return;
  if (!acknowledged) {
    log::error("an end was never acknowledged",
               {{"hook", to_string(key.hook)}, {"publication", id_text(key.id)}});
    outside_.metrics->notice_given_up(key.hook);
  }
  settle(key);
}

void Desk::settle(NoticeQueue::Key key) {
  if (Session* const session = book_.find(key.id)) {
    session->owed &= ~bit(key.hook);
    const std::uint32_t owed = session->owed;
    if (owed == 0) book_.erase(key.id);
    if (const Result<void> stored = stored_.set_owed(key.id, owed); !stored) {
      log::error("a told end can't be stored: it will be told again", {{"reason", stored.error().message}});
    }
    return;
  }
  const auto play = plays_.find(key.id);
  if (play == plays_.end()) return;
  play->second.owed &= ~bit(key.hook);
  if (play->second.owed != 0) return;
  plays_in_order_.erase(play->second.order);
  plays_.erase(play);
}

}  // namespace millrace::auth
