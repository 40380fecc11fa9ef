// What both databases promise.
#include "store/database.hpp"

#include <gtest/gtest.h>
#include <soci/soci.h>

#include <thread>

#include "store/test_database.hpp"

namespace millrace::store {
namespace {

const std::vector<Migration> kSchema = {{1,
                                         "notes",
                                         {"CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT NOT NULL "
                                          "UNIQUE, amount BIGINT NOT NULL DEFAULT 0, "
                                          "fixed CHAR(8) NOT NULL DEFAULT '')"}}};

Result<void> add_note(soci::session& session, const std::string& text) {
  session << "INSERT INTO notes (text) VALUES (:t)", soci::use(text);
  return {};
}

Result<int> count_notes(soci::session& session) {
  int count = 0;
  session << "SELECT COUNT(*) FROM notes", soci::into(count);
  return count;
}

class StoreDatabase : public DatabaseTest {
 protected:
  Result<Database> open() const { return Database::open(database_.options(), kSchema); }
};

TEST_P(StoreDatabase, KeepsWhatWasCommitted) {
  {
    Result<Database> database = open();
    ASSERT_TRUE(database) << database.error().message;
    ASSERT_TRUE(database->write<void>([](soci::session& session) { return add_note(session, "kept"); }));
  }
  Result<Database> again = open();
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_EQ(again->read<int>(count_notes).value(), 1);
}

TEST_P(StoreDatabase, NumbersRowsItself) {
  Database database = open().value();
  for (const char* text : {"b", "a", "c"}) {
    ASSERT_TRUE(database.write<void>([text](soci::session& session) { return add_note(session, text); }));
  }
  const Result<std::string> in_order =
      database.read<std::string>([](soci::session& session) -> Result<std::string> {
        std::string text;
        soci::statement query = (session.prepare << "SELECT text FROM notes ORDER BY id", soci::into(text));
        std::string all;
        query.execute();
        while (query.fetch()) all += text;
        return all;
      });
  EXPECT_EQ(in_order.value(), "bac");
}

TEST_P(StoreDatabase, TakesLargeNumbersAndTextOfEveryKind) {
  Database database = open().value();
  const std::string text = "quote ' colon :x backslash \\ umlaut \xC3\xBC newline \n percent %";
  const std::string eight = "12345678";
  const long long amount = 0x7FFF'FFFF'FFFF'FFFF;
  ASSERT_TRUE(database.write<void>([&](soci::session& session) -> Result<void> {
    session << "INSERT INTO notes (text, amount, fixed) VALUES (:t, :a, :f)", soci::use(text),
        soci::use(amount), soci::use(eight);
    return {};
  }));
  ASSERT_TRUE(database.read<void>([&](soci::session& session) -> Result<void> {
    std::string stored;
    std::string fixed;
    long long number = 0;
    session << "SELECT text, amount, fixed FROM notes WHERE text = :t", soci::use(text), soci::into(stored),
        soci::into(number), soci::into(fixed);
    EXPECT_EQ(stored, text);
    EXPECT_EQ(number, amount);
    EXPECT_EQ(fixed, eight);
    return {};
  }));
}

TEST_P(StoreDatabase, RollsBackWhenTheWorkReturnsAnError) {
  Database database = open().value();
  const Result<void> refused = database.write<void>([](soci::session& session) -> Result<void> {
    (void)add_note(session, "a");
    return fail("test.refused");
  });
  EXPECT_EQ(refused.error().code, "test.refused");
  EXPECT_EQ(database.read<int>(count_notes).value(), 0);
}

TEST_P(StoreDatabase, RollsBackWhenTheWorkThrowsSomethingElse) {
  Database database = open().value();
  EXPECT_THROW((void)database.write<void>([](soci::session& session) -> Result<void> {
    (void)add_note(session, "a");
    throw std::runtime_error("a bug");
  }),
               std::runtime_error);
  EXPECT_EQ(database.read<int>(count_notes).value(), 0);
}

TEST_P(StoreDatabase, AConstraintErrorNamesNoBoundValue) {
  Database database = open().value();
  const auto add = [](soci::session& session) { return add_note(session, "very-secret"); };
  ASSERT_TRUE(database.write<void>(add));
  const Result<void> twice = database.write<void>(add);
  ASSERT_FALSE(twice);
  EXPECT_EQ(twice.error().code, "store.constraint");
  EXPECT_EQ(twice.error().message.find("very-secret"), std::string::npos) << twice.error().message;
  EXPECT_TRUE(database.write<void>([](soci::session& session) { return add_note(session, "b"); }));
}

TEST_P(StoreDatabase, AnErrorNamesNoValueOfTheStatementEither) {
  Database database = open().value();
  for (const char* statement :
       {"INSERT INTO notes (text, amount) VALUES ('a', 'very-secret' + 1) RETURNING nothing",
        "SELECT very-secret FROM notes", "SELECT 'very-secret"}) {
    const Result<void> wrong = database.write<void>([&](soci::session& session) -> Result<void> {
      session << statement;
      return {};
    });
    ASSERT_FALSE(wrong) << statement;
    EXPECT_EQ(wrong.error().code, "store.failed");
    if (GetParam() == DatabaseKind::kPostgres) {
      EXPECT_EQ(wrong.error().message.find("secret"), std::string::npos) << wrong.error().message;
    }
  }
}

TEST_P(StoreDatabase, ALockHeldByAnotherConnectionIsBusyAndNothingWorse) {
  DatabaseOptions options = database_.options();
  options.busy_timeout = std::chrono::milliseconds(20);
  Database database = Database::open(options, kSchema).value();
  const auto other = database_.another_session();
  *other << (GetParam() == DatabaseKind::kSqlite ? "BEGIN EXCLUSIVE" : "BEGIN; LOCK TABLE notes");
  const auto add = [](soci::session& session) { return add_note(session, "a"); };
  const Result<void> blocked = database.write<void>(add);
  ASSERT_FALSE(blocked);
  EXPECT_EQ(blocked.error().code, "store.busy");
  *other << "ROLLBACK";
  EXPECT_TRUE(database.write<void>(add));
}

// Two of them count together: nobody's step gets lost, as what each has read stays true until it commits.
TEST_P(StoreDatabase, WhatAWriterHasReadStaysTrueUntilItCommits) {
  constexpr int kSteps = 40;
  {
    Database database = open().value();
    ASSERT_TRUE(database.write<void>([](soci::session& session) { return add_note(session, "sum"); }));
  }
  std::atomic<int> done{0};
  const auto count_up = [&] {
    Database database = open().value();
    for (int step = 0; step < kSteps; ++step) {
      for (int attempt = 0; attempt < 100; ++attempt) {
        const Result<void> written = database.write<void>([](soci::session& session) -> Result<void> {
          long long amount = 0;
          session << "SELECT amount FROM notes WHERE text = 'sum'", soci::into(amount);
          ++amount;
          session << "UPDATE notes SET amount = :a WHERE text = 'sum'", soci::use(amount);
          return {};
        });
        if (written) break;
        EXPECT_EQ(written.error().code, "store.busy") << written.error().message;
      }
      ++done;
    }
  };
  std::thread other(count_up);
  count_up();
  other.join();
  EXPECT_EQ(done, 2 * kSteps);
  Database database = open().value();
  const Result<long long> sum = database.read<long long>([](soci::session& session) -> Result<long long> {
    long long amount = 0;
    session << "SELECT amount FROM notes WHERE text = 'sum'", soci::into(amount);
    return amount;
  });
  EXPECT_EQ(sum.value(), 2 * kSteps);
}

INSTANTIATE_TEST_SUITE_P(Over, StoreDatabase, testing::ValuesIn(database_kinds()), DatabaseTest::name);

}  // namespace
}  // namespace millrace::store
