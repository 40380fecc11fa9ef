// Who is on air, over a real database: what is kept of it over a restart. And plays, which are not.
#include "sessions/session_ledger.hpp"

#include <gtest/gtest.h>

#include "sessions/play_ledger.hpp"
#include "store/test_database.hpp"
#include "streams/stream_repository.hpp"

namespace millrace::auth {
namespace {

constexpr std::uint32_t kBoth = bit(HookKind::kCallback) | bit(HookKind::kSrs);

AccessRequest request(std::uint64_t id) {
  AccessRequest request;
  request.id = id;
  request.stream_id = "cam";
  request.session_id = "s" + std::to_string(id);
  return request;
}

class SessionLedgerTest : public store::DatabaseTest {
 protected:
  SessionLedgerTest()
      : repository_(StreamRepository::open(database_.options(), vault_).value()),
        stored_(repository_.database(), vault_),
        ledger_(std::make_unique<SessionLedger>(stored_)) {}

  bool add(std::uint64_t id, std::uint32_t owed) {
    return ledger_->add({.request = request(id),
                         .owed = owed,
                         .admitted_wall = WallTime::from_us(static_cast<std::int64_t>(id)),
                         .arrival = ledger_->next_arrival()});
  }
  std::vector<PublicationId> restart(std::uint32_t hooks) {
    ledger_ = std::make_unique<SessionLedger>(stored_);
    return ledger_->load(hooks).value();
  }

  KeyVault vault_ = KeyVault::create(Secret(std::string(32, 's'))).value();
  StreamRepository repository_;
  SessionRepository stored_;
  std::unique_ptr<SessionLedger> ledger_;
};

TEST_P(SessionLedgerTest, WhatHooksAreOwedOutlivesARestart) {
  ASSERT_TRUE(add(1, kBoth));
  ASSERT_TRUE(add(2, kBoth));
  ASSERT_TRUE(add(3, 0));
  EXPECT_FALSE(add(1, kBoth)) << "known";
  EXPECT_NE(ledger_->end(PublicationId{2}, WallTime::from_us(100)), nullptr);
  EXPECT_EQ(ledger_->end(PublicationId{3}, WallTime::from_us(100)), nullptr) << "nobody wants to hear of it";
  EXPECT_EQ(ledger_->find(PublicationId{3}), nullptr);
  EXPECT_EQ(restart(kBoth), std::vector{PublicationId{2}});
  EXPECT_EQ(ledger_->book().open(), std::vector{PublicationId{1}});
  EXPECT_EQ(ledger_->book().newest("cam")->request.session_id, "s1");
}

TEST_P(SessionLedgerTest, IsForgottenWhenAllHooksHaveHeardOfItsEnd) {
  ASSERT_TRUE(add(1, kBoth));
  (void)ledger_->end(PublicationId{1}, WallTime::from_us(100));
  EXPECT_TRUE(ledger_->settle(PublicationId{1}, HookKind::kSrs));
  EXPECT_EQ(restart(kBoth), std::vector{PublicationId{1}});
  EXPECT_EQ(ledger_->find(PublicationId{1})->owed, bit(HookKind::kCallback));
  EXPECT_TRUE(ledger_->settle(PublicationId{1}, HookKind::kCallback));
  EXPECT_FALSE(ledger_->settle(PublicationId{1}, HookKind::kCallback));
  EXPECT_TRUE(restart(kBoth).empty());
  EXPECT_EQ(ledger_->book().size(), 0U);
}

TEST_P(SessionLedgerTest, AHookThatIsNoLongerConfiguredIsOwedNothing) {
  ASSERT_TRUE(add(1, bit(HookKind::kSrs)));
  ASSERT_TRUE(add(2, kBoth));
  (void)restart(bit(HookKind::kCallback));
  EXPECT_EQ(ledger_->find(PublicationId{1}), nullptr);
  EXPECT_EQ(ledger_->find(PublicationId{2})->owed, bit(HookKind::kCallback));
  EXPECT_EQ(stored_.load().value().size(), 1U) << "and its row is gone";
}

TEST_P(SessionLedgerTest, APublicationThatAsksAgainCountsAsArrivedThen) {
  ASSERT_TRUE(add(1, kBoth));
  ASSERT_TRUE(add(2, kBoth));
  EXPECT_EQ(ledger_->book().newest("cam")->request.id, 2U);
  EXPECT_NE(ledger_->renew(PublicationId{1}, ledger_->next_arrival()), nullptr);
  EXPECT_EQ(ledger_->book().newest("cam")->request.id, 1U);
  (void)ledger_->end(PublicationId{1}, WallTime::from_us(100));
  EXPECT_EQ(ledger_->renew(PublicationId{1}, ledger_->next_arrival()), nullptr) << "over";
  EXPECT_EQ(ledger_->renew(PublicationId{9}, ledger_->next_arrival()), nullptr);
}

INSTANTIATE_TEST_SUITE_P(Over, SessionLedgerTest, testing::ValuesIn(store::database_kinds()),
                         store::DatabaseTest::name);

TEST(PlayLedger, KeepsAPlayUntilEachHookHasHeardOfItsEnd) {
  PlayLedger plays;
  plays.add(request(7), kBoth);
  plays.add(request(7), bit(HookKind::kNginx));
  plays.add(request(8), 0);
  EXPECT_EQ(plays.find(8), nullptr) << "nobody wants to hear of it";
  plays.settle(7, HookKind::kSrs);
  ASSERT_NE(plays.find(7), nullptr);
  EXPECT_EQ(plays.find(7)->owed, bit(HookKind::kCallback)) << "as it was let in first";
  plays.settle(7, HookKind::kCallback);
  plays.settle(7, HookKind::kCallback);
  EXPECT_EQ(plays.find(7), nullptr);
}

TEST(PlayLedger, ForgetsTheOldestWhenItIsFull) {
  PlayLedger plays;
  for (std::uint64_t id = 1; id <= PlayLedger::kMaxPlays + 1; ++id) plays.add(request(id), kBoth);
  EXPECT_EQ(plays.find(1), nullptr);
  EXPECT_NE(plays.find(2), nullptr);
}

}  // namespace
}  // namespace millrace::auth
