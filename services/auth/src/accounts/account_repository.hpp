// Accounts, password resets and revoked tokens over SQL. One owner, one thread at a time (store::Database).
// Each call is one transaction and blocks. Errors are those of store/database.hpp.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/publication_ids.hpp"
#include "base/wall_time.hpp"
#include "store/database.hpp"
#include "streams/access_view.hpp"

namespace soci {
class session;
}

namespace millrace::auth {

struct AccountRecord {
  std::string id;
  std::string email;
  std::string dj_name;
  std::string timezone;
  std::string profile_picture;
  std::string password_hash;
  bool active = true;
  bool admin = false;
  WallTime created_wall{};
  WallTime updated_wall{};
  WallTime email_changed_wall{};  // not set: it is that of the sign-up
};

struct AccountChange {
  std::optional<std::string> email;
  std::optional<std::string> dj_name;
  std::optional<std::string> timezone;
  std::optional<std::string> profile_picture;
  std::optional<bool> active;
  std::optional<bool> admin;
};

// What another account has already: the name of the field; empty: nothing.
using TakenField = std::string_view;

// A stream and the epoch of its newest publication.
struct StreamEpoch {
  std::string stream_id;
  Epoch epoch{};
  bool banned = false;  // itself, whatever its account is
};

struct AccountPage {
  std::vector<AccountRecord> accounts;  // without pictures and hashes
  std::uint64_t count = 0;              // of all
};

class AccountRepository {
 public:
  explicit AccountRepository(store::Database& database) : database_(database) {}

  // "email" or "dj_name" when another account has it, and nothing is stored.
  Result<TakenField> add(const AccountRecord& account);
  Result<std::optional<AccountRecord>> find(const std::string& id);
  Result<std::optional<AccountRecord>> find_by_email(const std::string& email);
  Result<AccountPage> list(std::uint32_t skip, std::uint32_t limit);

  // What is to be known afterwards: taken, or the account as it is now, nullopt when there is none. Switched
  // off: its tokens are revoked with it.
  struct Changed {
    TakenField taken;
    std::optional<AccountRecord> account;
    std::string old_email;               // when it is another now
    std::vector<StreamEpoch> streams{};  // when it was switched on or off: those that follow
  };
  Result<Changed> change(const std::string& id, const AccountChange& change, WallTime wall);
  // Only while the hash is still old_hash; false: it is not, or there is no such account. The same password
  // at another cost; then another password, which revokes all tokens.
  Result<bool> upgrade_hash(const std::string& id, const std::string& old_hash, const std::string& new_hash);
  Result<bool> set_password(const std::string& id, const std::string& old_hash, const std::string& new_hash,
                            WallTime wall);
  // With its streams and resets; its tokens are revoked, and its streams that were ever published are kept as
  // deleted, with what is to become of their recordings. What is published is for the caller to cut.
  // nullopt: no such account.
  enum class Recordings : std::uint8_t { kKeep, kDelete };
  Result<std::optional<std::vector<StreamEpoch>>> remove(const std::string& id, Recordings recordings,
                                                         WallTime wall);
  // Deleted streams whose recordings are to be deleted too; the last deleted first, at most limit.
  Result<std::vector<std::string>> list_unwanted(std::size_t limit);

  // Of any subject.
  Result<void> revoke_tokens(const std::string& subject, WallTime wall);

  // lookup: a one-way value of the token. An older one of the account is worth nothing afterwards.
  Result<void> put_reset(const std::string& id, const std::string& lookup, WallTime expires_wall);
  // Whose it is; nullopt when it is unknown or has expired.
  Result<std::optional<std::string>> find_reset(const std::string& lookup, WallTime wall);
  // Uses it up: sets the password, revokes all tokens. nullopt: it is not good any more.
  Result<std::optional<std::string>> use_reset(const std::string& lookup, const std::string& new_hash,
                                               WallTime wall);

  // For AccessView; forgets what is older than it remembers.
  struct Access {
    std::vector<std::string> admins;
    std::vector<Revocation> revocations;
  };
  Result<Access> access(WallTime wall);

 private:
  static void revoke(soci::session& session, const std::string& id, WallTime wall);

  store::Database& database_;
};

}  // namespace millrace::auth
