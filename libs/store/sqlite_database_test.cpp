// What is SQLite's alone: the file.
#include <gtest/gtest.h>
#include <soci/soci.h>
#include <soci/sqlite3/soci-sqlite3.h>
#include <sys/stat.h>

#include <fstream>

#include "store/database.hpp"
#include "store/test_directory.hpp"

namespace millrace::store {
namespace {

const std::vector<Migration> kSchema = {
    {1, "notes", {"CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT NOT NULL UNIQUE)"}}};

mode_t mode_of(const std::filesystem::path& path) {
  struct stat status {};
  EXPECT_EQ(stat(path.c_str(), &status), 0) << path;
  return status.st_mode & 0777;
}

Result<void> add_note(soci::session& session, const std::string& text) {
  session << "INSERT INTO notes (text) VALUES (:t)", soci::use(text);
  return {};
}

Result<int> count_notes(soci::session& session) {
  int count = 0;
  session << "SELECT COUNT(*) FROM notes", soci::into(count);
  return count;
}

class SqliteDatabase : public testing::Test {
 protected:
  Result<Database> open() {
    return Database::open({.url = path_, .busy_timeout = std::chrono::milliseconds(10)}, kSchema);
  }

  TestDirectory directory_;
  std::string path_ = directory_.file("data/streaming.db");
};

TEST_F(SqliteDatabase, MakesDirectoryAndFileForItsOwnerOnly) {
  Result<Database> database = open();
  ASSERT_TRUE(database) << database.error().message;
  ASSERT_TRUE(database->write<void>([](soci::session& session) { return add_note(session, "a"); }));
  EXPECT_EQ(mode_of(directory_.path() / "data"), 0700U);
  EXPECT_EQ(mode_of(path_), 0600U);
  EXPECT_EQ(mode_of(path_ + "-wal"), 0600U);
}

TEST_F(SqliteDatabase, TakesGroupAndOthersOffAnOlderFile) {
  ASSERT_TRUE(open());
  ASSERT_EQ(chmod(path_.c_str(), 0644), 0);
  ASSERT_TRUE(open());
  EXPECT_EQ(mode_of(path_), 0600U);
}

TEST_F(SqliteDatabase, UsesAWriteAheadLogThatIsSynced) {
  {
    Result<Database> database = open();
    ASSERT_TRUE(database);
    ASSERT_TRUE(database->write<void>([](soci::session& session) { return add_note(session, "kept"); }));
  }
  Result<Database> again = open();
  ASSERT_TRUE(again);
  EXPECT_EQ(again->read<int>(count_notes).value(), 1);
  const auto pragma = [&](const char* name) {
    return again->read<std::string>([name](soci::session& session) -> Result<std::string> {
      std::string value;
      session << "PRAGMA " << name, soci::into(value);
      return value;
    });
  };
  EXPECT_EQ(pragma("journal_mode").value(), "wal");
  EXPECT_EQ(pragma("foreign_keys").value(), "1");
  EXPECT_EQ(pragma("synchronous").value(), "2");
}

TEST_F(SqliteDatabase, ReadersGoOnBesideAWriter) {
  Result<Database> database = open();
  ASSERT_TRUE(database);
  soci::session other(soci::sqlite3, path_);
  other << "BEGIN EXCLUSIVE";
  const auto add = [](soci::session& session) { return add_note(session, "a"); };
  const Result<void> blocked = database->write<void>(add);
  ASSERT_FALSE(blocked);
  EXPECT_EQ(blocked.error().code, "store.busy");
  EXPECT_TRUE(database->read<int>(count_notes)) << "readers go on beside a writer";
  other << "ROLLBACK";
  EXPECT_TRUE(database->write<void>(add));
}

TEST_F(SqliteDatabase, WhatWasAnsweredOutlivesADeletedWriteAheadLog) {
  for (const char* lost : {"-wal", "-shm"}) {
    Result<Database> database = open();
    ASSERT_TRUE(database);
    ASSERT_TRUE(database->write<void>([](soci::session& session) { return add_note(session, "before"); }));
    std::filesystem::remove(path_ + lost);
    ASSERT_TRUE(database->write<void>([](soci::session& session) { return add_note(session, "after"); }));
    // As another process sees it, had this one been killed now: nothing that is only in our memory or in
    // files without a name.
    const std::string copy = directory_.file("copy.db");
    std::filesystem::copy_file(path_, copy, std::filesystem::copy_options::overwrite_existing);
    for (const char* part : {"-wal", "-shm"}) {
      std::filesystem::remove(copy + part);
      if (std::filesystem::exists(path_ + part)) std::filesystem::copy_file(path_ + part, copy + part);
    }
    Result<Database> killed = Database::open({.url = copy}, kSchema);
    ASSERT_TRUE(killed) << killed.error().message;
    EXPECT_EQ(killed->read<int>(count_notes).value(), 2) << lost;
    ASSERT_TRUE(database->write<void>([](soci::session& session) -> Result<void> {
      session << "DELETE FROM notes";
      return {};
    }));
  }
}

TEST_F(SqliteDatabase, WhatIsWrittenCountsWhenTheFileCannotBeOpenedAgainAndItIsTriedAgain) {
  Result<Database> database = open();
  ASSERT_TRUE(database);
  const Result<void> written = database->write<void>([&](soci::session& session) {
    Result<void> added = add_note(session, "kept");
    for (const char* lost : {"-wal", "-shm"}) std::filesystem::remove(path_ + lost);
    std::filesystem::create_directory(path_ + "-wal");  // no log can be opened now
    return added;
  });
  EXPECT_TRUE(written) << written.error().message;
  const Result<int> refused = database->read<int>(count_notes);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, "store.read_only") << refused.error().message;
  std::filesystem::remove(path_ + "-wal");
  EXPECT_EQ(database->read<int>(count_notes).value_or(0), 1) << "without a restart";
  EXPECT_TRUE(database->write<void>([](soci::session& session) { return add_note(session, "more"); }));
}

TEST_F(SqliteDatabase, AReaderWhoKeepsALostLogFromBeingSavedLosesNothing) {
  Result<Database> database = open();
  ASSERT_TRUE(database);
  ASSERT_TRUE(database->write<void>([](soci::session& session) { return add_note(session, "before"); }));
  {
    soci::session reader(soci::sqlite3, path_);
    int count = 0;
    reader << "BEGIN";
    reader << "SELECT COUNT(*) FROM notes", soci::into(count);
    for (const char* lost : {"-wal", "-shm"}) std::filesystem::remove(path_ + lost);
    EXPECT_TRUE(database->write<void>([](soci::session& session) { return add_note(session, "during"); }));
    reader << "ROLLBACK";
  }
  EXPECT_TRUE(database->write<void>([](soci::session& session) { return add_note(session, "after"); }));
  EXPECT_EQ(database->read<int>(count_notes).value_or(0), 3);
  EXPECT_EQ(open()->read<int>(count_notes).value_or(0), 3) << "and another process sees it";
}

struct Damage {
  const char* name;
  std::streamoff offset;
};

class DamagedSqliteDatabase : public SqliteDatabase, public testing::WithParamInterface<Damage> {};

TEST_P(DamagedSqliteDatabase, IsRefusedWithItsPathAndLeftAsItIs) {
  {
    Result<Database> database = open();
    ASSERT_TRUE(database);
  }
  std::fstream file(path_, std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(GetParam().offset);
  file << std::string(2000, 'x');
  file.close();
  const auto size = std::filesystem::file_size(path_);
  const Result<Database> damaged = open();
  ASSERT_FALSE(damaged);
  EXPECT_EQ(damaged.error().code, "store.corrupt");
  EXPECT_NE(damaged.error().message.find(path_), std::string::npos) << damaged.error().message;
  EXPECT_EQ(std::filesystem::file_size(path_), size);
}

INSTANTIATE_TEST_SUITE_P(Where, DamagedSqliteDatabase,
                         testing::Values(Damage{"header", 0}, Damage{"page", 4096}),
                         [](const auto& row) { return row.param.name; });

TEST(SqliteUrl, APathWithSpacesAndEqualSignsIsAPath) {
  TestDirectory directory;
  const std::string path = directory.file("my data/a=b timeout=1.db");
  ASSERT_TRUE(Database::open({.url = path}, kSchema));
  EXPECT_TRUE(std::filesystem::exists(path));
}

TEST(SqliteUrl, ADirectoryThatCannotBeMadeIsNamed) {
  const Result<Database> database = Database::open({.url = "/proc/none/a.db"}, kSchema);
  ASSERT_FALSE(database);
  EXPECT_EQ(database.error().code, "store.read_only");
  EXPECT_NE(database.error().message.find("/proc/none"), std::string::npos);
}

}  // namespace
}  // namespace millrace::store
