// StreamStore over SQL. One owner, one thread at a time (store::Database).
#pragma once

#include "store/database.hpp"
#include "streams/key_vault.hpp"
#include "streams/stream_store.hpp"

namespace millrace::auth {

class StreamRepository : public StreamStore {
 public:
  // Opens the database, brings its schema up to date and checks that vault's secret is the one it was made
  // with. Errors: those of store::Database::open, auth.wrong_secret.
  static Result<StreamRepository> open(const store::DatabaseOptions& options, const KeyVault& vault);

  Result<std::optional<Admission>> admit_publication(const std::string& key_lookup,
                                                     const std::string& app) override;
  Result<std::optional<std::string>> find_publishable(const std::string& key_lookup,
                                                      const std::string& app) override;
  Result<std::optional<Playable>> find_playable(const PlayName& name, const std::string& app) override;
  Result<StreamRecord> ensure(const StreamRecord& candidate) override;
  Result<std::optional<StreamRecord>> find(const std::string& name, const std::string& key_lookup) override;
  Result<std::vector<StreamRecord>> list(const std::string& subject) override;
  Result<std::optional<StreamRecord>> set_banned(const std::string& stream_id, bool banned) override;
  Result<std::optional<StreamRecord>> set_private(const std::string& stream_id, bool is_private) override;
  Result<std::vector<std::string>> list_private(std::size_t limit) override;
  Result<std::vector<std::string>> list_barred(std::size_t limit) override;
  Result<std::vector<RevokedStream>> list_revoked(std::size_t limit) override;
  Result<void> raise_epochs(std::span<const LivePublication> live) override;
  Result<std::optional<StreamRecord>> update_settings(const std::string& stream_id,
                                                      const SettingsChange& change) override;
  Result<std::optional<StreamRecord>> replace_key(const std::string& stream_id, const std::string& subject,
                                                  const std::string& key_lookup,
                                                  const std::string& key_sealed) override;

  // Whether the database answers and takes changes.
  Result<void> check();
  // The same connection, for the other repositories of this thread.
  store::Database& database() { return database_; }

 private:
  Result<std::vector<std::string>> list_ids(const std::string& query);
  Result<std::optional<StreamRecord>> set_flag(const char* column, const std::string& stream_id, bool value,
                                               bool revokes);

  explicit StreamRepository(store::Database database) : database_(std::move(database)) {}

  store::Database database_;
};

}  // namespace millrace::auth
