#include "accounts/account_repository.hpp"

#include <soci/soci.h>

#include "accounts/account_rules.hpp"

namespace millrace::auth {
namespace {

constexpr const char* kColumns =
    "id, email, dj_name, timezone, profile_picture, password_hash, is_active, is_admin, created_wall_us, "
    "updated_wall_us, email_changed_wall_us ";

// Where a query puts its columns, and the record made of them.
struct Columns {
  AccountRecord record;
  int active = 0;
  int admin = 0;
  long long created = 0;
  long long updated = 0;
  long long email_changed = 0;

  AccountRecord take() const {
    AccountRecord complete = record;
    complete.active = active != 0;
    complete.admin = admin != 0;
    complete.created_wall = WallTime::from_us(created);
    complete.updated_wall = WallTime::from_us(updated);
    complete.email_changed_wall = WallTime::from_us(email_changed);
    return complete;
  }
};

template <class Statement>
void select_into(Statement&& statement, Columns& columns) {
  statement, soci::into(columns.record.id), soci::into(columns.record.email),
      soci::into(columns.record.dj_name), soci::into(columns.record.timezone),
      soci::into(columns.record.profile_picture), soci::into(columns.record.password_hash),
      soci::into(columns.active), soci::into(columns.admin), soci::into(columns.created),
      soci::into(columns.updated), soci::into(columns.email_changed);
}

std::optional<AccountRecord> select_one(soci::session& session, const char* column,
                                        const std::string& value) {
  Columns columns;
  select_into(
      (session << "SELECT " << kColumns << "FROM accounts WHERE " << column << " = :value", soci::use(value)),
      columns);
  return session.got_data() ? std::optional(columns.take()) : std::nullopt;
}

// Another account than id has it.
TakenField taken(soci::session& session, const std::string& id, const std::optional<std::string>& email,
                 const std::optional<std::string>& dj_name) {
  const auto has = [&](const char* column, const std::optional<std::string>& value) {
    if (!value) return false;
    const std::string key = folded(*value);
    std::string other;
    session << "SELECT id FROM accounts WHERE " << column << " = :key AND id <> :id", soci::use(key),
        soci::use(id), soci::into(other);
    return session.got_data();
  };
  if (has("email_key", email)) return "email";
  if (has("dj_name_key", dj_name)) return "dj_name";
  return {};
}

std::vector<StreamEpoch> select_streams(soci::session& session, const std::string& id) {
  std::string stream_id;
  long long epoch = 0;
  int banned = 0;
  soci::statement query(
      (session.prepare << "SELECT stream_id, epoch, banned FROM streams WHERE subject = :id", soci::use(id),
       soci::into(stream_id), soci::into(epoch), soci::into(banned)));
  std::vector<StreamEpoch> streams;
  query.execute();
  while (query.fetch()) streams.push_back({stream_id, static_cast<Epoch>(epoch), banned != 0});
  return streams;
}

// hash: the one it still has to be; empty: whichever.
bool replace_hash(soci::session& session, const std::string& id, const std::string& old_hash,
                  const std::string& new_hash) {
  std::string changed;
  session
      << "UPDATE accounts SET password_hash = :new WHERE id = :id AND (:any = '' OR password_hash = :old) "
         "RETURNING id",
      soci::use(new_hash), soci::use(id), soci::use(old_hash), soci::use(old_hash), soci::into(changed);
  return session.got_data();
}

void store_changes(soci::session& session, const AccountRecord& account) {
  const std::string email_key = folded(account.email);
  const std::string name_key = folded(account.dj_name);
  const int active = account.active ? 1 : 0;
  const int admin = account.admin ? 1 : 0;
  const long long updated = account.updated_wall.us();
  const long long email_changed = account.email_changed_wall.us();
  session << "UPDATE accounts SET email = :email, email_key = :email_key, dj_name = :name, dj_name_key = "
             ":name_key, timezone = :timezone, profile_picture = :picture, is_active = :active, is_admin = "
             ":admin, updated_wall_us = :updated, email_changed_wall_us = :email_changed WHERE id = :id",
      soci::use(account.email), soci::use(email_key), soci::use(account.dj_name), soci::use(name_key),
      soci::use(account.timezone), soci::use(account.profile_picture), soci::use(active), soci::use(admin),
      soci::use(updated), soci::use(email_changed), soci::use(account.id);
}

}  // namespace

Result<TakenField> AccountRepository::add(const AccountRecord& account) {
  return database_.write<TakenField>([&](soci::session& session) -> Result<TakenField> {
    if (const TakenField field = taken(session, account.id, account.email, account.dj_name); !field.empty())
      return field;
    const std::string email_key = folded(account.email);
    const std::string name_key = folded(account.dj_name);
    const int active = account.active ? 1 : 0;
    const int admin = account.admin ? 1 : 0;
    const long long created = account.created_wall.us();
    session
        << "INSERT INTO accounts (id, email, email_key, dj_name, dj_name_key, timezone, profile_picture, "
           "password_hash, is_active, is_admin, created_wall_us, updated_wall_us) VALUES (:id, :email, "
           ":email_key, :name, :name_key, :timezone, :picture, :hash, :active, :admin, :created, :updated)",
        soci::use(account.id), soci::use(account.email), soci::use(email_key), soci::use(account.dj_name),
        soci::use(name_key), soci::use(account.timezone), soci::use(account.profile_picture),
        soci::use(account.password_hash), soci::use(active), soci::use(admin), soci::use(created),
        soci::use(created);
    return TakenField();
  });
}

Result<std::optional<AccountRecord>> AccountRepository::find(const std::string& id) {
  return database_.read<std::optional<AccountRecord>>(
      [&](soci::session& session) -> Result<std::optional<AccountRecord>> {
        return select_one(session, "id", id);
      });
}

Result<std::optional<AccountRecord>> AccountRepository::find_by_email(const std::string& email) {
  return database_.read<std::optional<AccountRecord>>(
      [&](soci::session& session) -> Result<std::optional<AccountRecord>> {
        return select_one(session, "email_key", folded(email));
      });
}

Result<AccountPage> AccountRepository::list(std::uint32_t skip, std::uint32_t limit) {
  return database_.read<AccountPage>([&](soci::session& session) -> Result<AccountPage> {
    AccountPage page;
    long long count = 0;
    session << "SELECT COUNT(*) FROM accounts", soci::into(count);
    page.count = static_cast<std::uint64_t>(count);
    const long long offset = skip;
    const long long most = limit;
    Columns columns;
    auto prepared =
        (session.prepare << "SELECT id, email, dj_name, timezone, '', '', is_active, is_admin, "
                            "created_wall_us, updated_wall_us, email_changed_wall_us FROM accounts ORDER BY "
                            "created_wall_us, id LIMIT :most OFFSET :skip",
         soci::use(most), soci::use(offset));
    select_into(prepared, columns);
    soci::statement query(prepared);
    query.execute();
    while (query.fetch()) page.accounts.push_back(columns.take());
    return page;
  });
}

Result<AccountRepository::Changed> AccountRepository::change(const std::string& id,
                                                             const AccountChange& change, WallTime wall) {
  return database_.write<Changed>([&](soci::session& session) -> Result<Changed> {
    std::optional<AccountRecord> account = select_one(session, "id", id);
    if (!account) return Changed{};
    if (const TakenField field = taken(session, id, change.email, change.dj_name); !field.empty())
      return Changed{field, std::nullopt, {}};
    const std::string old_email = account->email;
    const bool switched_off = account->active && !change.active.value_or(true);
    account->email = change.email.value_or(account->email);
    account->dj_name = change.dj_name.value_or(account->dj_name);
    account->timezone = change.timezone.value_or(account->timezone);
    account->profile_picture = change.profile_picture.value_or(account->profile_picture);
    account->active = change.active.value_or(account->active);
    account->admin = change.admin.value_or(account->admin);
    account->updated_wall = wall;
    const bool moved = folded(old_email) != folded(account->email);
    if (moved) account->email_changed_wall = wall;
    store_changes(session, *account);
    // A link that was sent to another address, or to whoever had the account, is worth nothing now.
    if (change.email || switched_off)
      session << "DELETE FROM password_resets WHERE account_id = :id", soci::use(id);
    if (switched_off) {
      revoke(session, id, wall);
      const long long now = wall.us();
      session << "UPDATE streams SET revoked_epoch = epoch, updated_wall_us = :now WHERE subject = :id",
          soci::use(now), soci::use(id);
    }
    Changed changed{{}, std::move(account), moved ? old_email : std::string()};
    if (change.active) changed.streams = select_streams(session, id);
    return changed;
  });
}

Result<bool> AccountRepository::upgrade_hash(const std::string& id, const std::string& old_hash,
                                             const std::string& new_hash) {
  return database_.write<bool>(
      [&](soci::session& session) -> Result<bool> { return replace_hash(session, id, old_hash, new_hash); });
}

Result<bool> AccountRepository::set_password(const std::string& id, const std::string& old_hash,
                                             const std::string& new_hash, WallTime wall) {
  return database_.write<bool>([&](soci::session& session) -> Result<bool> {
    if (!replace_hash(session, id, old_hash, new_hash)) return false;
    session << "DELETE FROM password_resets WHERE account_id = :id", soci::use(id);
    revoke(session, id, wall);
    return true;
  });
}

Result<std::optional<std::vector<StreamEpoch>>> AccountRepository::remove(const std::string& id,
                                                                          Recordings recordings,
                                                                          WallTime wall) {
  using Streams = std::optional<std::vector<StreamEpoch>>;
  return database_.write<Streams>([&](soci::session& session) -> Result<Streams> {
    std::string removed;
    session << "DELETE FROM accounts WHERE id = :id RETURNING id", soci::use(id), soci::into(removed);
    if (!session.got_data()) return Streams();
    Streams streams = select_streams(session, id);
    session
        << "DELETE FROM viewer_leases WHERE viewer_id IN (SELECT viewer_id FROM viewers WHERE stream_id IN "
           "(SELECT stream_id FROM streams WHERE subject = :id))",
        soci::use(id);
    session << "DELETE FROM viewers WHERE stream_id IN (SELECT stream_id FROM streams WHERE subject = :id)",
        soci::use(id);
    const long long now = wall.us();
    const int unwanted = recordings == Recordings::kDelete ? 1 : 0;
    session << "INSERT INTO deleted_streams (stream_id, deleted_wall_us, revoked_epoch, recordings_unwanted) "
               "SELECT stream_id, CAST(:now AS BIGINT), epoch, CAST(:unwanted AS INTEGER) FROM streams WHERE "
               "subject = :id AND epoch > 0",
        soci::use(now), soci::use(unwanted), soci::use(id);
    session << "DELETE FROM streams WHERE subject = :id", soci::use(id);
    session << "DELETE FROM password_resets WHERE account_id = :id", soci::use(id);
    revoke(session, id, wall);
    return streams;
  });
}

Result<std::vector<std::string>> AccountRepository::list_unwanted(std::size_t limit) {
  return database_.read<std::vector<std::string>>(
      [&](soci::session& session) -> Result<std::vector<std::string>> {
        std::string id;
        soci::statement query = (session.prepare << "SELECT stream_id FROM deleted_streams WHERE "
                                                    "recordings_unwanted = 1 ORDER BY deleted_wall_us DESC "
                                                    "LIMIT " +
                                                        std::to_string(limit),
                                 soci::into(id));
        std::vector<std::string> unwanted;
        query.execute();
        while (query.fetch()) unwanted.push_back(id);
        return unwanted;
      });
}

Result<std::optional<std::string>> AccountRepository::use_reset(const std::string& lookup,
                                                                const std::string& new_hash, WallTime wall) {
  return database_.write<std::optional<std::string>>(
      [&](soci::session& session) -> Result<std::optional<std::string>> {
        const long long now = wall.us();
        std::string id;
        session << "DELETE FROM password_resets WHERE token_lookup = :lookup AND expires_wall_us > :now "
                   "RETURNING account_id",
            soci::use(lookup), soci::use(now), soci::into(id);
        if (!session.got_data() || !replace_hash(session, id, "", new_hash))
          return std::optional<std::string>();
        revoke(session, id, wall);
        return std::optional(std::move(id));
      });
}

}  // namespace millrace::auth
