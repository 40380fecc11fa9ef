// Sessions in the database, so that their ends are reported after a restart too. What was asked with (keys
// among it) is sealed under the server secret. One owner, one thread at a time; each call is one transaction
// and blocks. Errors are those of store/database.hpp.
#pragma once

#include <vector>

#include "base/wall_time.hpp"
#include "sessions/session.hpp"
#include "store/database.hpp"
#include "streams/key_vault.hpp"

namespace millrace::auth {

class SessionRepository {
 public:
  // Both outlive this.
  SessionRepository(store::Database& database, const KeyVault& vault) : database_(database), vault_(vault) {}

  // In the order they were admitted. What can't be read (another secret once) is left out and dropped.
  Result<std::vector<Session>> load();
  Result<void> add(const Session& session);
  Result<void> end(PublicationId id, WallTime ended_wall);
  // Whom it is still owed to; nobody: it is forgotten.
  Result<void> set_owed(PublicationId id, std::uint32_t owed);

 private:
  store::Database& database_;
  const KeyVault& vault_;
};

}  // namespace millrace::auth
