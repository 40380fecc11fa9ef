#include "store/database.hpp"

#include <utility>

#include "store/connection.hpp"
#include "store/postgres_url.hpp"

namespace millrace::store {

Database::Database(std::unique_ptr<Connection> connection) : connection_(std::move(connection)) {}
Database::Database(Database&&) noexcept = default;
Database& Database::operator=(Database&&) noexcept = default;
Database::~Database() = default;

Result<Database> Database::open(const DatabaseOptions& options, std::span<const Migration> migrations) {
  Result<std::unique_ptr<Connection>> connection =
      is_postgres_url(options.url) ? open_postgres(options) : open_sqlite(options);
  if (!connection) return tl::unexpected(connection.error());
  Database database(std::move(*connection));
  Connection& opened = *database.connection_;
  const Result<void> migrated = opened.run(TransactionMode::kMigrate, [&](soci::session& session) {
    return migrate(session, migrations, opened.dialect());
  });
  if (!migrated) {
    // What migrate() itself says does not name the database.
    const bool named = migrated.error().message.rfind(opened.name(), 0) == 0;
    return named ? tl::unexpected(migrated.error()) : fail(migrated.error(), opened.name());
  }
  return database;
}

Result<void> Database::run(bool write, const std::function<Result<void>(soci::session&)>& work) {
  return connection_->run(write ? TransactionMode::kWrite : TransactionMode::kRead, work);
}

}  // namespace millrace::store
