// A new, empty database of either kind, for tests that run over both:
//
//   class Streams : public store::DatabaseTest { … database_.options() … };
//   TEST_P(Streams, AreKept) { … }
//   INSTANTIATE_TEST_SUITE_P(Over, Streams, testing::ValuesIn(store::database_kinds()),
//                            store::DatabaseTest::name);
//
// In CMake: millrace_test(… DATABASES), which runs the cases over PostgreSQL in one process with one server.
#pragma once

#include <gtest/gtest.h>
#include <soci/sqlite3/soci-sqlite3.h>

#include <fstream>
#include <memory>

#include "store/database.hpp"
#include "store/test_directory.hpp"
#include "store/test_postgres.hpp"

namespace millrace::store {

enum class DatabaseKind : std::uint8_t { kSqlite, kPostgres };

// Those that this machine has; says so when PostgreSQL is not among them.
inline std::vector<DatabaseKind> database_kinds() {
  if (!PostgresServer::programs().empty()) return {DatabaseKind::kSqlite, DatabaseKind::kPostgres};
  std::fputs("SKIPPED: PostgreSQL is not installed\n", stderr);
  return {DatabaseKind::kSqlite};
}

class TestDatabase {
 public:
  explicit TestDatabase(DatabaseKind kind)
      : kind_(kind),
        url_(kind == DatabaseKind::kSqlite ? directory_.file("data/streaming.db")
                                           : PostgresServer::shared().new_database()) {}

  const std::string& url() const { return url_; }
  DatabaseOptions options() const { return {.url = url_, .busy_timeout = std::chrono::milliseconds(1000)}; }

  // A connection beside the one that is tested.
  std::unique_ptr<soci::session> another_session() const {
    if (kind_ == DatabaseKind::kSqlite)
      return std::make_unique<soci::session>(soci::sqlite3, "db=\"" + url_ + "\"");
    return std::make_unique<soci::session>(soci::postgresql, url_ + "?application_name=test");
  }

  // Every byte that the database has on disk. (PostgreSQL: of the whole server, after a checkpoint.)
  std::string bytes_on_disk() const {
    if (kind_ == DatabaseKind::kPostgres) return PostgresServer::shared().bytes_on_disk();
    std::string all;
    for (const auto& entry : std::filesystem::directory_iterator(directory_.path() / "data")) {
      std::ifstream file(entry.path(), std::ios::binary);
      all.append(std::istreambuf_iterator<char>(file), {});
    }
    return all;
  }

 private:
  TestDirectory directory_;
  const DatabaseKind kind_;
  const std::string url_;
};

class DatabaseTest : public testing::TestWithParam<DatabaseKind> {
 public:
  static std::string name(const testing::TestParamInfo<DatabaseKind>& row) {
    return row.param == DatabaseKind::kSqlite ? "Sqlite" : "Postgresql";
  }

 protected:
  TestDatabase database_{GetParam()};
};

}  // namespace millrace::store
