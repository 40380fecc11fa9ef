#include "sessions/session_ledger.hpp"

#include "base/log.hpp"

namespace millrace::auth {

Result<std::vector<PublicationId>> SessionLedger::load(std::uint32_t hooks) {
  Result<std::vector<Session>> sessions = stored_.load();
  if (!sessions) return tl::unexpected<Error>(sessions.error());
  std::vector<PublicationId> ended;
  for (Session& session : *sessions) {
    session.arrival = next_arrival();
    if ((session.owed & hooks) == 0) {
      (void)stored_.set_owed(session.id(), 0);
      continue;
    }
    session.owed &= hooks;
    if (session.ended_wall.is_set()) ended.push_back(session.id());
    (void)book_.add(std::move(session));
  }
  return ended;
}

const Session* SessionLedger::renew(PublicationId id, std::uint64_t arrival) {
  Session* const known = book_.find(id);
  if (known == nullptr || known->ended_wall.is_set()) return nullptr;
  known->arrival = arrival;
  return known;
}

bool SessionLedger::add(Session session) {
  if (is_full() || book_.find(session.id()) != nullptr) return false;
  const Result<void> stored = session.owed == 0 ? Result<void>() : stored_.add(session);
  if (!stored) {
    log::error("a session can't be stored: its end may get lost",
               {{"stream", session.request.stream_id}, {"reason", stored.error().message}});
  }
  return book_.add(std::move(session));
}

const Session* SessionLedger::end(PublicationId id, WallTime wall) {
  const Session* const session = book_.end(id, wall);
  if (session == nullptr) return nullptr;
  if (session->owed == 0) {
    book_.erase(id);
    return nullptr;
  }
  if (const Result<void> stored = stored_.end(id, wall); !stored) {
    log::error("the end of a session can't be stored",
               {{"stream", session->request.stream_id}, {"reason", stored.error().message}});
  }
  return session;
}

bool SessionLedger::settle(PublicationId id, HookKind hook) {
  Session* const session = book_.find(id);
  if (session == nullptr) return false;
  session->owed &= ~bit(hook);
  const std::uint32_t owed = session->owed;
  if (owed == 0) book_.erase(id);
  if (const Result<void> stored = stored_.set_owed(id, owed); !stored) {
    log::error("an acknowledged end can't be stored: it will be reported again",
               {{"reason", stored.error().message}});
  }
  return true;
}

}  // namespace millrace::auth
