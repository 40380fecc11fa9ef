#include "streams/stream_repository.hpp"

#include <soci/soci.h>

#include "accounts/account_rules.hpp"
#include "base/clock.hpp"
#include "schema.hpp"

namespace millrace::auth {
namespace {

// A publisher or player may name the application everything is under, or the stream itself (channel and key).
constexpr const char* kAppMatches = "(:app = 'live' OR :app2 = stream_id)";
// Streams of an account that is switched off are as good as banned. Other subjects have no row.
constexpr const char* kOwnerActive =
    " AND NOT EXISTS (SELECT 1 FROM accounts WHERE accounts.id = streams.subject AND accounts.is_active = 0)";
// 1: nobody may publish or watch it.
constexpr const char* kBarred =
    "CASE WHEN banned = 1 OR EXISTS (SELECT 1 FROM accounts WHERE accounts.id = streams.subject AND "
    "accounts.is_active = 0) THEN 1 ELSE 0 END ";
// What is published of it until now was admitted by a rule that holds no longer.
constexpr const char* kRevokes = ", revoked_epoch = epoch";
constexpr const char* kColumns =
    "stream_id, subject, key_lookup, key_sealed, quality, max_bitrate_kbps, resolution, banned, private, "
    "epoch, "
    "created_wall_us, updated_wall_us, ";

Result<void> check_secret(soci::session& session, const std::string& verifier) {
  std::string stored;
  session << "SELECT verifier FROM server_secret WHERE id = 1", soci::into(stored);
  if (!session.got_data()) {
    session << "INSERT INTO server_secret (id, verifier) VALUES (1, :v)", soci::use(verifier);
    return {};
  }
  if (equal_in_constant_time(as_bytes(stored), as_bytes(verifier))) return {};
  return fail("auth.wrong_secret",
              "MILLRACE_SECRET is not the one that this database's keys were stored with: set the old one, "
              "or another "
              "DATABASE_URL");
}

bool account_exists(soci::session& session, const std::string& id) {
  std::string found;
  session << "SELECT id FROM accounts WHERE id = :id", soci::use(id), soci::into(found);
  return session.got_data();
}

// Where a query puts its columns, and the record made of them.
struct Columns {
  StreamRecord record;
  long long max_bitrate_kbps = 0;
  int banned = 0;
  int is_private = 0;
  int barred = 0;
  long long epoch = 0;
  long long created_wall_us = 0;
  long long updated_wall_us = 0;

  StreamRecord take() const {
    StreamRecord complete = record;
    complete.settings.max_bitrate_kbps = static_cast<std::uint32_t>(max_bitrate_kbps);
    complete.banned = banned != 0;
    complete.is_private = is_private != 0;
    complete.barred = barred != 0;
    complete.epoch = static_cast<Epoch>(epoch);
    complete.created_wall = WallTime::from_us(created_wall_us);
    complete.updated_wall = WallTime::from_us(updated_wall_us);
    return complete;
  }
};

template <class Statement>
void select_into(Statement&& statement, Columns& columns) {
  statement, soci::into(columns.record.stream_id), soci::into(columns.record.subject),
      soci::into(columns.record.key_lookup), soci::into(columns.record.key_sealed),
      soci::into(columns.record.settings.quality), soci::into(columns.max_bitrate_kbps),
      soci::into(columns.record.settings.resolution), soci::into(columns.banned),
      soci::into(columns.is_private), soci::into(columns.epoch), soci::into(columns.created_wall_us),
      soci::into(columns.updated_wall_us), soci::into(columns.barred);
}

// As this transaction has changed it.
StreamRecord select_stream(soci::session& session, const std::string& stream_id) {
  Columns columns;
  select_into((session << "SELECT " << kColumns << kBarred << "FROM streams WHERE stream_id = :id",
               soci::use(stream_id)),
              columns);
  return columns.take();
}

void insert(soci::session& session, const StreamRecord& record) {
  const long long max_bitrate_kbps = record.settings.max_bitrate_kbps;
  const int is_private = record.is_private ? 1 : 0;
  const long long created = record.created_wall.us();
  session
      << "INSERT INTO streams (stream_id, subject, key_lookup, key_sealed, quality, max_bitrate_kbps, "
         "resolution, private, created_wall_us, updated_wall_us) VALUES (:id, :subject, :lookup, :sealed, "
         ":quality, :bitrate, :resolution, :private, :created, :updated)",
      soci::use(record.stream_id), soci::use(record.subject), soci::use(record.key_lookup),
      soci::use(record.key_sealed), soci::use(record.settings.quality), soci::use(max_bitrate_kbps),
      soci::use(record.settings.resolution), soci::use(is_private), soci::use(created), soci::use(created);
}

}  // namespace

Result<StreamRepository> StreamRepository::open(const store::DatabaseOptions& options,
                                                const KeyVault& vault) {
  Result<store::Database> database = store::Database::open(options, schema());
  if (!database) return tl::unexpected(database.error());
  const Result<void> ours = database->write<void>(
      [verifier = vault.verifier()](soci::session& session) { return check_secret(session, verifier); });
  if (!ours) return tl::unexpected(ours.error());
  return StreamRepository(std::move(*database));
}

Result<void> StreamRepository::check() {
  return database_.write<void>([](soci::session& session) -> Result<void> {
    int secrets = 0;
    session << "SELECT COUNT(*) FROM server_secret", soci::into(secrets);
    return {};
  });
}

Result<std::optional<Admission>> StreamRepository::admit_publication(const std::string& key_lookup,
                                                                     const std::string& app) {
  return database_.write<std::optional<Admission>>(
      [&](soci::session& session) -> Result<std::optional<Admission>> {
        Admission admission;
        long long epoch = 0;
        long long max_bitrate_kbps = 0;
        int is_private = 0;
        session << "UPDATE streams SET epoch = epoch + 1 WHERE key_lookup = :lookup AND banned = 0 AND "
                << kAppMatches << kOwnerActive
                << " RETURNING stream_id, epoch, quality, max_bitrate_kbps, resolution, private",
            soci::use(key_lookup), soci::use(app), soci::use(app), soci::into(admission.stream_id),
            soci::into(epoch), soci::into(admission.settings.quality), soci::into(max_bitrate_kbps),
            soci::into(admission.settings.resolution), soci::into(is_private);
        if (!session.got_data()) return std::optional<Admission>();
        admission.epoch = static_cast<Epoch>(epoch);
        admission.is_private = is_private != 0;
        admission.settings.max_bitrate_kbps = static_cast<std::uint32_t>(max_bitrate_kbps);
        return std::optional(std::move(admission));
      });
}

Result<std::optional<std::string>> StreamRepository::find_publishable(const std::string& key_lookup,
                                                                      const std::string& app) {
  return database_.read<std::optional<std::string>>(
      [&](soci::session& session) -> Result<std::optional<std::string>> {
        std::string stream_id;
        session << "SELECT stream_id FROM streams WHERE key_lookup = :lookup AND banned = 0 AND "
                << kAppMatches << kOwnerActive,
            soci::use(key_lookup), soci::use(app), soci::use(app), soci::into(stream_id);
        return session.got_data() ? std::optional(std::move(stream_id)) : std::nullopt;
      });
}

Result<std::optional<Playable>> StreamRepository::find_playable(const PlayName& name,
                                                                const std::string& app) {
  return database_.read<std::optional<Playable>>(
      [&](soci::session& session) -> Result<std::optional<Playable>> {
        Playable playable;
        session << "SELECT stream_id, key_lookup FROM streams WHERE ((stream_id = :name AND (private = 0 OR "
                   "key_lookup = "
                   ":key)) OR key_lookup = :lookup) AND banned = 0 AND "
                << kAppMatches << kOwnerActive,
            soci::use(name.name), soci::use(name.key_lookup), soci::use(name.name_lookup), soci::use(app),
            soci::use(app), soci::into(playable.stream_id), soci::into(playable.key_lookup);
        return session.got_data() ? std::optional(std::move(playable)) : std::nullopt;
      });
}

Result<StreamRecord> StreamRepository::ensure(const StreamRecord& candidate) {
  return database_.write<StreamRecord>([&](soci::session& session) -> Result<StreamRecord> {
    Columns columns;
    select_into((session << "SELECT " << kColumns << kBarred
                         << "FROM streams WHERE subject = :subject ORDER BY id LIMIT 1",
                 soci::use(candidate.subject)),
                columns);
    if (session.got_data()) return columns.take();
    // Its token may be a moment older than its end.
    if (is_account_subject(candidate.subject) && !account_exists(session, candidate.subject))
      return fail("auth.unknown_account", "no such account");
    insert(session, candidate);
    return candidate;
  });
}

Result<std::optional<StreamRecord>> StreamRepository::find(const std::string& name,
                                                           const std::string& key_lookup) {
  return database_.read<std::optional<StreamRecord>>(
      [&](soci::session& session) -> Result<std::optional<StreamRecord>> {
        Columns columns;
        select_into((session << "SELECT " << kColumns << kBarred
                             << "FROM streams WHERE stream_id = :name OR key_lookup = :lookup",
                     soci::use(name), soci::use(key_lookup)),
                    columns);
        return session.got_data() ? std::optional(columns.take()) : std::nullopt;
      });
}

Result<std::vector<StreamRecord>> StreamRepository::list(const std::string& subject) {
  return database_.read<std::vector<StreamRecord>>(
      [&](soci::session& session) -> Result<std::vector<StreamRecord>> {
        Columns columns;
        auto prepared = (session.prepare << "SELECT " << kColumns << kBarred
                                         << "FROM streams WHERE :all = '' OR subject = :subject "
                                         << "ORDER BY id LIMIT " << kMaxListed,
                         soci::use(subject), soci::use(subject));
        select_into(prepared, columns);
        soci::statement query(prepared);
        std::vector<StreamRecord> records;
        query.execute();
        while (query.fetch()) records.push_back(columns.take());
        return records;
      });
}

// column is one of ours, never a value from outside.
Result<std::optional<StreamRecord>> StreamRepository::set_flag(const char* column,
                                                               const std::string& stream_id, bool value,
                                                               bool revokes) {
  return database_.write<std::optional<StreamRecord>>(
      [&](soci::session& session) -> Result<std::optional<StreamRecord>> {
        const int flag = value ? 1 : 0;
        const long long now = wall_now().us();
        std::string changed;
        session << "UPDATE streams SET " << column << " = :flag" << (revokes ? kRevokes : "")
                << ", updated_wall_us = :now WHERE stream_id = :id RETURNING stream_id",
            soci::use(flag), soci::use(now), soci::use(stream_id), soci::into(changed);
        if (!session.got_data()) return std::optional<StreamRecord>();
        return std::optional(select_stream(session, stream_id));
      });
}

Result<std::optional<StreamRecord>> StreamRepository::set_banned(const std::string& stream_id, bool banned) {
  return set_flag("banned", stream_id, banned, banned);
}

Result<std::optional<StreamRecord>> StreamRepository::set_private(const std::string& stream_id,
                                                                  bool is_private) {
  return set_flag("private", stream_id, is_private, true);
}

Result<std::vector<std::string>> StreamRepository::list_ids(const std::string& query) {
  return database_.read<std::vector<std::string>>(
      [&](soci::session& session) -> Result<std::vector<std::string>> {
        std::string id;
        soci::statement statement = (session.prepare << query, soci::into(id));
        std::vector<std::string> ids;
        statement.execute();
        while (statement.fetch()) ids.push_back(id);
        return ids;
      });
}

Result<std::vector<std::string>> StreamRepository::list_private(std::size_t limit) {
  return list_ids(
      "SELECT stream_id FROM streams WHERE private = 1 AND epoch > 0 ORDER BY updated_wall_us DESC LIMIT " +
      std::to_string(limit));
}

Result<std::vector<std::string>> StreamRepository::list_barred(std::size_t limit) {
  return list_ids(
      "SELECT stream_id FROM (SELECT stream_id, 0 AS deleted, updated_wall_us AS changed_wall_us, " +
      std::string(kBarred) +
      "AS barred FROM streams WHERE epoch > 0 UNION ALL SELECT stream_id, 1, deleted_wall_us, 1 FROM "
      "deleted_streams) AS known WHERE barred = 1 ORDER BY deleted, changed_wall_us DESC LIMIT " +
      std::to_string(limit));
}

Result<std::vector<RevokedStream>> StreamRepository::list_revoked(std::size_t limit) {
  return database_.read<std::vector<RevokedStream>>([&](soci::session& session)
                                                        -> Result<std::vector<RevokedStream>> {
    std::string id;
    long long epoch = 0;
    int barred = 0;
    soci::statement query =
        (session.prepare
             << "SELECT stream_id, revoked_epoch, barred FROM (SELECT stream_id, revoked_epoch, "
                "updated_wall_us AS changed_wall_us, "
             << kBarred
             << "AS barred FROM streams UNION ALL SELECT stream_id, revoked_epoch, deleted_wall_us, 1 "
                "FROM deleted_streams) AS known WHERE revoked_epoch > 0 ORDER BY changed_wall_us DESC LIMIT "
             << limit,
         soci::into(id), soci::into(epoch), soci::into(barred));
    std::vector<RevokedStream> revoked;
    query.execute();
    while (query.fetch()) revoked.push_back({id, static_cast<Epoch>(epoch), barred != 0});
    return revoked;
  });
}

Result<void> StreamRepository::raise_epochs(std::span<const LivePublication> live) {
  return database_.write<void>([&](soci::session& session) -> Result<void> {
    for (const LivePublication& publication : live) {
      const auto epoch = static_cast<long long>(number_of(publication.epoch));
      session << "UPDATE streams SET epoch = :epoch WHERE stream_id = :id AND epoch < :epoch2",
          soci::use(epoch), soci::use(publication.stream_id), soci::use(epoch);
    }
    return {};
  });
}

Result<std::optional<StreamRecord>> StreamRepository::update_settings(const std::string& stream_id,
                                                                      const SettingsChange& change) {
  return database_.write<std::optional<StreamRecord>>(
      [&](soci::session& session) -> Result<std::optional<StreamRecord>> {
        Columns columns;
        select_into((session << "SELECT " << kColumns << kBarred << "FROM streams WHERE stream_id = :id",
                     soci::use(stream_id)),
                    columns);
        if (!session.got_data()) return std::optional<StreamRecord>();
        StreamRecord record = columns.take();
        if (change.quality) record.settings.quality = *change.quality;
        if (change.max_bitrate_kbps) record.settings.max_bitrate_kbps = *change.max_bitrate_kbps;
        if (change.resolution) record.settings.resolution = *change.resolution;
        record.updated_wall = wall_now();
        const long long max_bitrate_kbps = record.settings.max_bitrate_kbps;
        const long long now = record.updated_wall.us();
        session << "UPDATE streams SET quality = :quality, max_bitrate_kbps = :bitrate, resolution = "
                   ":resolution, updated_wall_us = :now WHERE stream_id = :id",
            soci::use(record.settings.quality), soci::use(max_bitrate_kbps),
            soci::use(record.settings.resolution), soci::use(now), soci::use(stream_id);
        return std::optional(std::move(record));
      });
}

Result<std::optional<StreamRecord>> StreamRepository::replace_key(const std::string& stream_id,
                                                                  const std::string& subject,
                                                                  const std::string& key_lookup,
                                                                  const std::string& key_sealed) {
  return database_.write<std::optional<StreamRecord>>(
      [&](soci::session& session) -> Result<std::optional<StreamRecord>> {
        const long long now = wall_now().us();
        std::string changed;
        session << "UPDATE streams SET key_lookup = :lookup, key_sealed = :sealed, updated_wall_us = :now"
                << kRevokes
                << " WHERE stream_id = :id AND (:any = '' OR subject = :subject) RETURNING stream_id",
            soci::use(key_lookup), soci::use(key_sealed), soci::use(now), soci::use(stream_id),
            soci::use(subject), soci::use(subject), soci::into(changed);
        if (!session.got_data()) return std::optional<StreamRecord>();
        return std::optional(select_stream(session, stream_id));
      });
}

}  // namespace millrace::auth
