// What is PostgreSQL's alone: the server may be away, slow or another one. One server of the test's own.
#include <gtest/gtest.h>
#include <soci/soci.h>
#include <unistd.h>

#include <atomic>
#include <cstring>
#include <set>

#include "store/test_database.hpp"
#include "store/watchdog.hpp"

namespace millrace::store {
namespace {

using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

const std::vector<Migration> kSchema = {
    {1, "notes", {"CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT NOT NULL UNIQUE)"}}};

constexpr auto kPatience = std::chrono::seconds(60);

class PostgresqlDatabase : public testing::Test {
 protected:
  void SetUp() override {
    if (PostgresServer::programs().empty()) GTEST_SKIP() << "SKIPPED: PostgreSQL is not installed";
    url_ = server().new_database();
  }
  void TearDown() override {
    if (!PostgresServer::programs().empty()) server().start_if_stopped();
  }
  static PostgresServer& server() { return PostgresServer::shared(); }

  DatabaseOptions options() {
    return {.url = url_,
            .busy_timeout = milliseconds(200),
            .answer_timeout = milliseconds(1000),
            .on_reconnect = [this] { ++reconnects_; }};
  }
  static Result<void> add(Database& database, const std::string& text) {
    return database.write<void>([&](soci::session& session) -> Result<void> {
      session << "INSERT INTO notes (text) VALUES (:t)", soci::use(text);
      return {};
    });
  }
  static int count(Database& database) {
    return database
        .read<int>([](soci::session& session) -> Result<int> {
          int notes = 0;
          session << "SELECT COUNT(*) FROM notes", soci::into(notes);
          return notes;
        })
        .value_or(-1);
  }
  // As a service does: asks now and again until it works. The errors on the way.
  std::set<std::string> until_it_works(Database& database, const std::string& text) {
    std::set<std::string> errors;
    const auto deadline = Clock::now() + kPatience;
    while (Clock::now() < deadline) {
      const Result<void> added = add(database, text);
      if (added) return errors;
      errors.insert(std::string(added.error().code));
      std::this_thread::sleep_for(milliseconds(20));
    }
    ADD_FAILURE() << "never again";
    return errors;
  }

  std::string url_;
  std::atomic<int> reconnects_{0};
};

TEST_F(PostgresqlDatabase, NeedsTheRightPasswordAndTellsNobody) {
  std::string wrong = url_;
  wrong.replace(wrong.find(PostgresServer::kPasswordInUrl), strlen(PostgresServer::kPasswordInUrl),
                "verygeheim");
  const Result<Database> refused = Database::open({.url = wrong}, kSchema);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, "store.unavailable");
  EXPECT_EQ(refused.error().message.find("geheim"), std::string::npos) << refused.error().message;
  EXPECT_NE(refused.error().message.find("password authentication failed"), std::string::npos);
  EXPECT_EQ(server().log().find("geheim"), std::string::npos);
}

TEST_F(PostgresqlDatabase, KeepsItsPromisesOfDurabilityAndTime) {
  server().execute("postgres",
                   "ALTER DATABASE " + url_.substr(url_.rfind('/') + 1) + " SET synchronous_commit = off");
  Database database = Database::open(options(), kSchema).value();
  const auto setting = [&](const std::string& name) {
    return database
        .read<std::string>([&](soci::session& session) -> Result<std::string> {
          std::string value;
          session << "SHOW " << name, soci::into(value);
          return value;
        })
        .value();
  };
  EXPECT_EQ(setting("synchronous_commit"), "on");
  EXPECT_EQ(setting("statement_timeout"), "1s");
  EXPECT_EQ(setting("lock_timeout"), "200ms");
  EXPECT_EQ(setting("idle_in_transaction_session_timeout"), "2s");
  EXPECT_EQ(setting("client_encoding"), "UTF8");
  EXPECT_EQ(setting("application_name"), "millrace");
}

TEST_F(PostgresqlDatabase, AConnectionThatWasEndedIsMadeAnewWithoutAnError) {
  Database database = Database::open(options(), kSchema).value();
  for (int round = 1; round <= 3; ++round) {
    server().execute(
        "postgres",
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'millrace'");
    const Result<void> added = add(database, std::to_string(round));
    EXPECT_TRUE(added) << added.error().message;
    EXPECT_EQ(reconnects_, round);
  }
  EXPECT_EQ(count(database), 3);
}

// After a switch-over in which the old primary kept its sessions, the same names may lead to a server that
// takes changes.
TEST_F(PostgresqlDatabase, AConnectionThatTakesNoChangesAnyMoreIsGivenUpForAnother) {
  Database database = Database::open(options(), kSchema).value();
  ASSERT_TRUE(database.write<void>([](soci::session& session) -> Result<void> {
    session << "SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY";
    return {};
  }));
  const Result<void> added = add(database, "elsewhere");
  EXPECT_TRUE(added) << added.error().message;
  EXPECT_EQ(reconnects_, 1);
  const std::string name = url_.substr(url_.rfind('/') + 1);
  server().execute("postgres", "ALTER DATABASE " + name + " SET default_transaction_read_only = on");
  server().execute(
      "postgres",
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'millrace'");
  for (int i = 0; i < 3; ++i) {
    const Result<void> refused = add(database, "nowhere");
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, "store.read_only") << refused.error().message;
  }
  EXPECT_LE(reconnects_, 5) << "once a write";
  EXPECT_EQ(count(database), 1) << "what is there is read";
  server().execute("postgres", "ALTER DATABASE " + name + " RESET default_transaction_read_only");
  EXPECT_TRUE(add(database, "again")) << "without a restart";
}

TEST(Watchdog, SaysThatItGuardsNothingWithoutADescriptor) {
  EXPECT_FALSE(Watchdog(-1).guards());
  EXPECT_TRUE(Watchdog(STDERR_FILENO).guards());
}

TEST_F(PostgresqlDatabase, IsUnavailableWhileTheServerIsAndThenHasWhatWasAnswered) {
  Database database = Database::open(options(), kSchema).value();
  ASSERT_TRUE(add(database, "before"));
  server().stop(SIGQUIT);
  for (int i = 0; i < 20; ++i) {
    const auto began = Clock::now();
    const Result<void> added = add(database, "meanwhile");
    ASSERT_FALSE(added);
    EXPECT_EQ(added.error().code, "store.unavailable") << added.error().message;
    EXPECT_LT(Clock::now() - began, std::chrono::seconds(10));
  }
  server().start();
  (void)until_it_works(database, "after");
  EXPECT_EQ(count(database), 2);
  EXPECT_EQ(reconnects_, 1);
}

TEST_F(PostgresqlDatabase, AServerThatStandsStillIsNotWaitedFor) {
  Database database = Database::open(options(), kSchema).value();
  server().signal_all(SIGSTOP);
  const auto began = Clock::now();
  for (int i = 0; i < 5; ++i) {
    const Result<void> added = add(database, "stalled");
    ASSERT_FALSE(added);
    EXPECT_EQ(added.error().code, "store.unavailable") << added.error().message;
  }
  EXPECT_LT(Clock::now() - began, std::chrono::seconds(20)) << "one answer_timeout, then nearly nothing";
  server().signal_all(SIGCONT);
  const std::set<std::string> errors = until_it_works(database, "after");
  EXPECT_EQ(errors.count("store.constraint"), 0U);
  EXPECT_EQ(count(database), 1) << "what was not answered was not half written either";
}

TEST_F(PostgresqlDatabase, AStatementThatTakesTooLongIsBusyAndTheConnectionStays) {
  Database database = Database::open(options(), kSchema).value();
  const Result<void> slow = database.write<void>([](soci::session& session) -> Result<void> {
    session << "SET LOCAL statement_timeout = 50";
    std::string ignored;
    session << "SELECT pg_sleep(30)::text", soci::into(ignored);
    return {};
  });
  ASSERT_FALSE(slow);
  EXPECT_EQ(slow.error().code, "store.busy") << slow.error().message;
  EXPECT_TRUE(add(database, "after"));
  EXPECT_EQ(reconnects_, 0);
}

TEST_F(PostgresqlDatabase, AServerWithoutARoomForUsIsUnavailable) {
  Database database = Database::open(options(), kSchema).value();
  std::vector<std::unique_ptr<soci::session>> guests;
  try {
    for (int i = 0; i < 100; ++i)
      guests.push_back(std::make_unique<soci::session>(soci::postgresql, url_ + "?connect_timeout=10"));
    FAIL() << "it has 20 connections";
  } catch (const soci::soci_error&) {
  }
  EXPECT_TRUE(add(database, "the connection that is there goes on"));
  *guests.front()
      << "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'millrace'";
  // Its place is taken at once.
  for (int i = 0; i < 200; ++i) {
    try {
      guests.push_back(std::make_unique<soci::session>(soci::postgresql, url_ + "?connect_timeout=10"));
      break;
    } catch (const soci::soci_error&) {
      std::this_thread::sleep_for(milliseconds(10));
    }
  }
  const Result<void> added = add(database, "no room");
  ASSERT_FALSE(added);
  EXPECT_EQ(added.error().code, "store.unavailable");
  guests.clear();
  (void)until_it_works(database, "room");
}

// A failover to a server that has not our data: an empty one, or one that was made again with the same
// schema.
TEST_F(PostgresqlDatabase, AnotherDatabaseThanAtTheStartIsRefusedAndNotWrittenTo) {
  Database database = Database::open(options(), kSchema).value();
  ASSERT_TRUE(add(database, "ours"));
  const std::string name = url_.substr(url_.rfind('/') + 1);
  const auto swap = [&](const std::string& from, const std::string& to) {
    server().execute("postgres",
                     "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '" + name + "'");
    server().execute("postgres", "ALTER DATABASE " + name + " RENAME TO " + from);
    server().execute("postgres",
                     to.empty() ? "CREATE DATABASE " + name : "ALTER DATABASE " + to + " RENAME TO " + name);
  };
  swap(name + "_ours", "");
  const Result<void> refused = add(database, "lost");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, "store.replaced") << refused.error().message;
  soci::session(soci::postgresql, url_ + "?connect_timeout=10") << "CREATE TABLE untouched (a INTEGER)";
  { ASSERT_TRUE(Database::open(options(), kSchema)) << "a start takes it"; }
  for (int i = 0; i < 20; ++i) EXPECT_EQ(add(database, "lost").error().code, "store.replaced");
  swap(name + "_empty", name + "_ours");
  (void)until_it_works(database, "again");
  EXPECT_EQ(count(database), 2);
}

}  // namespace
}  // namespace millrace::store
