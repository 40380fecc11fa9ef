#include "sessions/end_notices.hpp"

#include <algorithm>

#include "base/log.hpp"
#include "base/secret.hpp"
#include "sessions/request_text.hpp"

namespace millrace::auth {
namespace {

double spread() {
  return static_cast<double>(random_u64() >> 11) / static_cast<double>(std::uint64_t{1} << 53);
}

}  // namespace

void EndNotices::publication_over(PublicationId publication_id, Now now) {
  const Session* const session = sessions_.end(publication_id, now.wall);
  if (session == nullptr) return;
  add(*session, now);
  send(now);
}

void EndNotices::play_over(std::uint64_t play_id, Now now) {
  const Play* const play = plays_.find(play_id);
  if (play == nullptr) return;
  queue(play_id, play->owed, now.monotonic_us + kGiveUpStopUs, now);
  send(now);
}

// Counted from the end, which may lie before a restart.
void EndNotices::add(const Session& session, Now now) {
  const std::int64_t age_us = std::max<std::int64_t>(now.wall - session.ended_wall, 0);
  queue(session.request.id, session.owed, now.monotonic_us + kGiveUpUnpublishUs - age_us, now);
}

void EndNotices::queue(std::uint64_t id, std::uint32_t owed, std::int64_t give_up_us, Now now) {
  for (const HookPtr& hook : policy_.hooks) {
    if ((owed & bit(hook->kind())) == 0) continue;
    for (const NoticeQueue::Key& lost : queue_.add({id, hook->kind()}, now.monotonic_us, give_up_us)) {
      if (sessions_.find(PublicationId{lost.id}) != nullptr)
        log::error("too many ends are to be reported: one is given up", {{"publication", id_text(lost.id)}});
      settle(lost);
    }
  }
}

void EndNotices::send(Now now) {
  for (const NoticeQueue::Key& key : queue_.take(now.monotonic_us)) {
    const Session* const session = sessions_.find(PublicationId{key.id});
    const Play* const play = plays_.find(key.id);
    Hook* const receiver = hook(key.hook);
    if (receiver == nullptr || (session == nullptr && play == nullptr)) {
      answered(key, true, now);
      continue;
    }
    receiver->ask(session != nullptr ? Occasion::kUnpublish : Occasion::kStop,
                  session != nullptr ? session->request : play->request, policy_.hook_timeout,
                  [post = post_, key](const Result<Verdict>& answer) {
                    post([key, acknowledged = answer && answer->accepted](EndNotices& notices) {
                      notices.answered(key, acknowledged, notices.now_());
                    });
                  });
  }
}

void EndNotices::answered(NoticeQueue::Key key, bool acknowledged, Now now) {
  if (!queue_.done(key, acknowledged, now.monotonic_us, spread())) return;
  if (!acknowledged) {
    log::error("an end was never acknowledged",
               {{"hook", to_string(key.hook)}, {"publication", id_text(key.id)}});
    metrics_.notice_given_up(key.hook);
  }
  settle(key);
}

void EndNotices::settle(NoticeQueue::Key key) {
  if (!sessions_.settle(PublicationId{key.id}, key.hook)) plays_.settle(key.id, key.hook);
}

Hook* EndNotices::hook(HookKind kind) const {
  for (const HookPtr& hook : policy_.hooks) {
    if (hook->kind() == kind) return hook.get();
  }
  return nullptr;
}

}  // namespace millrace::auth
