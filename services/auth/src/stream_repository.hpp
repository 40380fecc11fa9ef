// StreamStore over SQL. One owner, one thread at a time (store::Database).
#pragma once

#include "key_vault.hpp"
#include "store/database.hpp"
#include "stream_store.hpp"

namespace millrace::auth {

class StreamRepository : public StreamStore {
 public:
  // Opens the database, brings its schema up to date and checks that vault's secret is the one it was made
  // with. Errors: those of store::Database::open, auth.wrong_secret.
  [[nodiscard]] static Result<StreamRepository> open(const store::DatabaseOptions& options,
                                                     const KeyVault& vault);

  Result<std::optional<Admission>> admit_publication(const std::string& key_lookup,
                                                     const std::string& app) override;
  Result<std::optional<std::string>> find_playable(const std::string& name, const std::string& key_lookup,
                                                   const std::string& app) override;
  Result<StreamRecord> ensure(const StreamRecord& candidate) override;
  Result<std::optional<StreamRecord>> find(const std::string& name, const std::string& key_lookup) override;
  Result<std::vector<StreamRecord>> list(const std::string& subject) override;
  Result<bool> set_banned(const std::string& stream_id, bool banned) override;

 private:
  explicit StreamRepository(store::Database database) : database_(std::move(database)) {}

  store::Database database_;
};

}  // namespace millrace::auth
