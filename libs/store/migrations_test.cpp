#include "store/migrations.hpp"

#include <gtest/gtest.h>
#include <soci/soci.h>

#include "store/database.hpp"
#include "store/test_directory.hpp"

namespace millrace::store {
namespace {

const std::vector<Migration> kThree = {
    {1, "streams", {"CREATE TABLE streams (id INTEGER PRIMARY KEY, name TEXT NOT NULL)"}},
    {2, "names", {"ALTER TABLE streams ADD COLUMN title TEXT", "UPDATE streams SET title = name"}},
    {3, "unique names", {"CREATE UNIQUE INDEX streams_name ON streams (name)"}},
};

std::span<const Migration> first(std::size_t count) {
  return std::span(kThree).first(count);
}

class Migrations : public testing::Test {
 protected:
  Result<Database> open(std::span<const Migration> migrations) {
    return Database::open({.url = directory_.file("a.db")}, migrations);
  }
  static int version(Database& database) {
    return database
        .read<int>([](soci::session& session) -> Result<int> {
          int newest = 0;
          session << "SELECT MAX(version) FROM schema_migrations", soci::into(newest);
          return newest;
        })
        .value();
  }

  TestDirectory directory_;
};

TEST_F(Migrations, BringEveryOlderVersionToTheNewest) {
  for (std::size_t old = 1; old <= kThree.size(); ++old) {
    TestDirectory directory;
    const DatabaseOptions options{.url = directory.file("a.db")};
    {
      Result<Database> older = Database::open(options, first(old));
      ASSERT_TRUE(older) << older.error().message;
      ASSERT_TRUE(older->write<void>([](soci::session& session) -> Result<void> {
        session << "INSERT INTO streams (name) VALUES ('kept')";
        return {};
      }));
    }
    Result<Database> newest = Database::open(options, kThree);
    ASSERT_TRUE(newest) << newest.error().message;
    EXPECT_EQ(version(*newest), 3);
    const Result<std::string> kept =
        newest->read<std::string>([](soci::session& session) -> Result<std::string> {
          std::string name;
          session << "SELECT name FROM streams", soci::into(name);
          return name;
        });
    EXPECT_EQ(kept.value(), "kept");
  }
}

TEST_F(Migrations, RefuseADatabaseOfALaterRelease) {
  ASSERT_TRUE(open(kThree));
  const Result<Database> older = open(first(2));
  ASSERT_FALSE(older);
  EXPECT_EQ(older.error().code, "store.newer_database");
  EXPECT_NE(older.error().message.find(directory_.file("a.db")), std::string::npos);
}

TEST_F(Migrations, RefuseAMigrationThatChangedAfterItWasApplied) {
  ASSERT_TRUE(open(first(1)));
  const std::vector<Migration> edited = {{1, "streams", {"CREATE TABLE streams (id INTEGER PRIMARY KEY)"}}};
  const Result<Database> again = open(edited);
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, "store.migration_changed");
}

TEST_F(Migrations, AFailureInTheMiddleLeavesTheOldSchema) {
  ASSERT_TRUE(open(first(1)));
  std::vector<Migration> broken(kThree.begin(), kThree.end());
  broken[2].statements = {"CREATE TABLE half (id INTEGER)", "THIS IS NOT SQL"};
  ASSERT_FALSE(open(broken));
  Result<Database> old = open(first(1));
  ASSERT_TRUE(old) << old.error().message;
  EXPECT_EQ(version(*old), 1);
}

TEST_F(Migrations, MustBeNumberedWithoutAGap) {
  const std::vector<Migration> gap = {kThree[0], kThree[2]};
  const Result<Database> opened = open(gap);
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, "store.migration_order");
}

TEST(MigrationChecksum, DependsOnNameAndEveryStatement) {
  const Migration base{1, "a", {"x", "y"}};
  EXPECT_EQ(checksum(base), checksum(Migration{2, "a", {"x", "y"}}));
  EXPECT_NE(checksum(base), checksum(Migration{1, "b", {"x", "y"}}));
  EXPECT_NE(checksum(base), checksum(Migration{1, "a", {"xy"}}));
  EXPECT_NE(checksum(base), checksum(Migration{1, "a", {"y", "x"}}));
}

}  // namespace
}  // namespace millrace::store
