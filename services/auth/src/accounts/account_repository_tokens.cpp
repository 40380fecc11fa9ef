// Password resets and revoked tokens.
#include <soci/soci.h>

#include "accounts/account_repository.hpp"

namespace millrace::auth {

void AccountRepository::revoke(soci::session& session, const std::string& id, WallTime wall) {
  const long long at = wall.us();
  // Never back, whatever the clock does: what was revoked once stays so.
  session << "INSERT INTO revoked_tokens (subject, until_wall_us) VALUES (:id, :at) ON CONFLICT (subject) DO "
             "UPDATE SET until_wall_us = excluded.until_wall_us "
             "WHERE revoked_tokens.until_wall_us < excluded.until_wall_us",
      soci::use(id), soci::use(at);
}

Result<void> AccountRepository::revoke_tokens(const std::string& subject, WallTime wall) {
  return database_.write<void>([&](soci::session& session) -> Result<void> {
    revoke(session, subject, wall);
    return {};
  });
}

Result<void> AccountRepository::put_reset(const std::string& id, const std::string& lookup,
                                          WallTime expires_wall) {
  return database_.write<void>([&](soci::session& session) -> Result<void> {
    const long long expires = expires_wall.us();
    session
        << "INSERT INTO password_resets (account_id, token_lookup, expires_wall_us) VALUES (:id, :lookup, "
           ":expires) ON CONFLICT (account_id) DO UPDATE SET token_lookup = excluded.token_lookup, "
           "expires_wall_us = excluded.expires_wall_us",
        soci::use(id), soci::use(lookup), soci::use(expires);
    return {};
  });
}

Result<std::optional<std::string>> AccountRepository::find_reset(const std::string& lookup, WallTime wall) {
  return database_.read<std::optional<std::string>>([&](soci::session& session)
                                                        -> Result<std::optional<std::string>> {
    const long long now = wall.us();
    std::string id;
    session << "SELECT account_id FROM password_resets WHERE token_lookup = :lookup AND expires_wall_us > "
               ":now",
        soci::use(lookup), soci::use(now), soci::into(id);
    return session.got_data() ? std::optional(std::move(id)) : std::nullopt;
  });
}

Result<AccountRepository::Access> AccountRepository::access(WallTime wall) {
  return database_.write<Access>([&](soci::session& session) -> Result<Access> {
    const long long oldest = (wall - AccessView::kMemoryUs).us();
    session << "DELETE FROM revoked_tokens WHERE until_wall_us < :oldest AND substr(subject, 1, 5) = 'acct_'",
        soci::use(oldest);
    Access access;
    std::string subject;
    soci::statement admins(
        (session.prepare << "SELECT id FROM accounts WHERE is_admin = 1", soci::into(subject)));
    admins.execute();
    while (admins.fetch()) access.admins.push_back(subject);
    long long at = 0;
    soci::statement revoked((session.prepare << "SELECT subject, until_wall_us FROM revoked_tokens",
                             soci::into(subject), soci::into(at)));
    revoked.execute();
    while (revoked.fetch()) access.revocations.push_back({subject, WallTime::from_us(at)});
    return access;
  });
}

}  // namespace millrace::auth
