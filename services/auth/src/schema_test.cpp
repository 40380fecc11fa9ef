// Every schema that a release had leads to the newest, with its rows, in both databases.
#include "schema.hpp"

#include <gtest/gtest.h>
#include <soci/soci.h>

#include "frozen_schemas.hpp"
#include "sessions/session_repository.hpp"
#include "store/test_database.hpp"
#include "streams/channel_repository.hpp"
#include "streams/decisions.hpp"
#include "streams/stream_repository.hpp"

namespace millrace::auth {
namespace {

class AuthSchema : public store::DatabaseTest {
 protected:
  // As a user of that release has it.
  static void make(const store::TestDatabase& database, int newest) {
    if (GetParam() == store::DatabaseKind::kSqlite) std::filesystem::create_directory(directory_of(database));
    const auto session = database.another_session();
    for (const FrozenVersion& frozen : frozen_versions()) {
      if (frozen.version > newest) break;
      for (const std::string& statement :
           GetParam() == store::DatabaseKind::kSqlite ? frozen.sqlite : frozen.postgres) {
        execute(*session, statement);
      }
      for (const std::string& row : frozen.rows) execute(*session, row);
    }
  }
  static std::filesystem::path directory_of(const store::TestDatabase& database) {
    return std::filesystem::path(database.url()).parent_path();
  }
  static void execute(soci::session& session, const std::string& statement) { session << statement; }

  KeyVault vault_ = KeyVault::create(Secret(kFrozenSecret)).value();
};

TEST_P(AuthSchema, OfEveryOlderReleaseLeadsToTheNewestWithItsRows) {
  for (const FrozenVersion& frozen : frozen_versions()) {
    const store::TestDatabase database(GetParam());
    make(database, frozen.version);
    Result<StreamRepository> opened = StreamRepository::open(database.options(), vault_);
    ASSERT_TRUE(opened) << frozen.version << ": " << opened.error().message;
    Decisions decisions(*opened, vault_, DecisionLimits{});
    const OwnedStream alice = decisions.ensure_stream("alice", {}).value();
    EXPECT_EQ(alice.record.stream_id, "frozenalice1");
    EXPECT_EQ(alice.key.reveal(), kFrozenAlice);
    EXPECT_EQ(alice.record.settings.quality, "720p");
    EXPECT_EQ(alice.record.settings.max_bitrate_kbps, 2500U);
    EXPECT_EQ(alice.record.settings.resolution, "1280x720");
    EXPECT_EQ(alice.record.is_private, frozen.version >= 2);
    EXPECT_EQ(alice.record.created_wall.us(), 1'700'000'000'000'001);
    EXPECT_EQ(decisions.authorize_publish("live", kFrozenAlice, "192.0.2.1", 0).value()->epoch, Epoch{8});
    EXPECT_FALSE(decisions.authorize_publish("live", kFrozenBob, "192.0.2.1", 0).value()) << "banned";
    EXPECT_EQ(decisions.ensure_stream("carol", {})->record.subject, "carol") << "rows are numbered on";
    EXPECT_EQ(decisions.list_streams("").value().back().record.subject, "carol");
    if (frozen.version < 2) continue;
    EXPECT_EQ(ChannelRepository(opened->database()).admit("chan", false).value()->epoch, Epoch{42});
    const std::vector<Session> sessions = SessionRepository(opened->database(), vault_).load().value();
    ASSERT_EQ(sessions.size(), 1U);
    EXPECT_EQ(sessions[0].request.session_id, "session-1");
    EXPECT_EQ(sessions[0].request.id, 0x1122334455667788U);
  }
}

TEST_P(AuthSchema, OfALaterReleaseIsRefused) {
  { ASSERT_TRUE(StreamRepository::open(database_.options(), vault_)); }
  const int next = static_cast<int>(schema().size()) + 1;
  execute(*database_.another_session(),
          "INSERT INTO schema_migrations VALUES (" + std::to_string(next) + ", 'later', 'x', 0)");
  EXPECT_EQ(StreamRepository::open(database_.options(), vault_).error().code, "store.newer_database");
}

TEST_P(AuthSchema, WithAnotherMigrationThanOursIsRefused) {
  make(database_, frozen_versions().back().version);
  execute(*database_.another_session(),
          "UPDATE schema_migrations SET name = 'other', checksum = 'x' WHERE version = 2");
  EXPECT_EQ(StreamRepository::open(database_.options(), vault_).error().code, "store.migration_changed");
}

INSTANTIATE_TEST_SUITE_P(Over, AuthSchema, testing::ValuesIn(store::database_kinds()),
                         store::DatabaseTest::name);

}  // namespace
}  // namespace millrace::auth
