#include "store/migrations.hpp"

#include <openssl/evp.h>
#include <soci/soci.h>

#include <array>

#include "base/clock.hpp"
#include "base/secret.hpp"

namespace millrace::store {
namespace {

constexpr std::string_view kTable =
    "CREATE TABLE IF NOT EXISTS schema_migrations ("
    "version INTEGER PRIMARY KEY, name VARCHAR(200) NOT NULL, checksum CHAR(64) NOT NULL, "
    "applied_wall_us BIGINT NOT NULL)";

struct Applied {
  int version = 0;
  std::string name;
  std::string checksum;
};

std::vector<Applied> read_applied(soci::session& session) {
  Applied row;
  soci::statement query =
      (session.prepare << "SELECT version, name, checksum FROM schema_migrations ORDER BY version",
       soci::into(row.version), soci::into(row.name), soci::into(row.checksum));
  std::vector<Applied> rows;
  query.execute();
  while (query.fetch()) rows.push_back(row);
  return rows;
}

Result<void> check_order(std::span<const Migration> migrations) {
  int expected = 1;
  for (const Migration& migration : migrations) {
    if (migration.version != expected) {
      return fail("store.migration_order", "migration " + std::to_string(migration.version) +
                                               " stands where " + std::to_string(expected) + " must");
    }
    ++expected;
  }
  return {};
}

Result<void> check_applied(const std::vector<Applied>& applied, std::span<const Migration> migrations) {
  if (applied.size() > migrations.size()) {
    return fail("store.newer_database", "the schema is at version " + std::to_string(applied.back().version) +
                                            ", this program knows " + std::to_string(migrations.size()) +
                                            ": run the release that made it, or a later one");
  }
  for (std::size_t i = 0; i < applied.size(); ++i) {
    const Migration& known = migrations[i];
    if (applied[i].version == known.version && applied[i].checksum == checksum(known)) continue;
    return fail("store.migration_changed", "version " + std::to_string(applied[i].version) + " (" +
                                               applied[i].name +
                                               ") of the schema is not the one that this program knows");
  }
  return {};
}

void apply(soci::session& session, const Migration& migration) {
  for (const std::string_view statement : migration.statements) session << std::string(statement);
  const std::string name(migration.name);
  const std::string sum = checksum(migration);
  const long long now = wall_us();
  session
      << "INSERT INTO schema_migrations (version, name, checksum, applied_wall_us) VALUES (:v, :n, :c, :t)",
      soci::use(migration.version), soci::use(name), soci::use(sum), soci::use(now);
}

}  // namespace

std::string checksum(const Migration& migration) {
  std::string text(migration.name);
  for (const std::string_view statement : migration.statements) {
    text.push_back('\0');
    text += statement;
  }
  std::array<std::uint8_t, EVP_MAX_MD_SIZE> digest{};
  unsigned length = 0;
  EVP_Digest(text.data(), text.size(), digest.data(), &length, EVP_sha256(), nullptr);
  return hex(ByteView(digest).first(length));
}

Result<void> migrate(soci::session& session, std::span<const Migration> migrations) {
  if (Result<void> ordered = check_order(migrations); !ordered) return ordered;
  session << std::string(kTable);
  const std::vector<Applied> applied = read_applied(session);
  if (Result<void> matching = check_applied(applied, migrations); !matching) return matching;
  for (const Migration& migration : migrations.subspan(applied.size())) apply(session, migration);
  return {};
}

}  // namespace millrace::store
