// Forward-only, numbered schema changes. What was applied stands in the table schema_migrations, with a
// checksum, so that a migration edited after its release is noticed instead of leaving two machines with
// different schemas.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace soci {
class session;
}

namespace millrace::store {

enum class Dialect : std::uint8_t { kSqlite, kPostgres };

// statements run in order, each one SQL statement that every supported database understands. A column
// declared "id INTEGER PRIMARY KEY" numbers its rows itself in all of them. CHAR and VARCHAR are text of any
// length in all of them (as SQLite takes them), without PostgreSQL's blanks: lengths are the program's to
// check.
struct Migration {
  int version = 0;
  std::string_view name;
  std::vector<std::string_view> statements;
};

// The statement as a database takes it.
std::string in_dialect(std::string_view statement, Dialect dialect);

// SHA-256 of the name and the statements as they are written here, as hex.
std::string checksum(const Migration& migration);

// Brings the schema to the newest of the migrations, which must be numbered 1, 2, 3, … Call it inside one
// write transaction: the schema is then either all new or as before. Errors: store.migration_order (our own
// table is wrong), store.newer_database (made by a later release), store.migration_changed. Database errors
// are thrown by SOCI.
Result<void> migrate(soci::session& session, std::span<const Migration> migrations, Dialect dialect);

}  // namespace millrace::store
