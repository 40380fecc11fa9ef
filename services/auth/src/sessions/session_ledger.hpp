// Who is on air: the sessions in memory, and in the database what hooks are owed, so that ends are reported
// after a restart too. One owner, one thread at a time; calls that change something may block (transactions).
#pragma once

#include <cstdint>
#include <vector>

#include "base/wall_time.hpp"
#include "sessions/session_book.hpp"
#include "sessions/session_repository.hpp"

namespace millrace::auth {

class SessionLedger {
 public:
  // stored outlives this.
  explicit SessionLedger(SessionRepository& stored) : stored_(stored) {}

  // Sessions of before the start. hooks: HookKind bits of the configured ones; what only others are owed is
  // forgotten. Returns those that have ended, in the order they were admitted. Errors: those of the store.
  Result<std::vector<PublicationId>> load(std::uint32_t hooks);

  // Of requests to publish: what came later has the stream.
  std::uint64_t next_arrival() { return ++arrivals_; }
  // The open session of a publication that asks again; it counts as arrived then. Null when there is none.
  const Session* renew(PublicationId id, std::uint64_t arrival);
  bool is_full() const { return book_.size() >= SessionBook::kMaxSessions; }
  // False: it is full, or knows it already.
  bool add(Session session);
  // ingest has announced it. False: its end was reported already, so that it should not be live.
  bool published(PublicationId id) { return book_.published(id); }
  // The session that has ended now when hooks want to hear of it; else it is forgotten.
  const Session* end(PublicationId id, WallTime wall);
  // This hook has heard of its end, or never will. False: there is no such session.
  bool settle(PublicationId id, HookKind hook);

  const SessionBook& book() const { return book_; }
  const Session* find(PublicationId id) const { return book_.find(id); }

 private:
  SessionRepository& stored_;
  SessionBook book_;
  std::uint64_t arrivals_ = 0;
};

}  // namespace millrace::auth
