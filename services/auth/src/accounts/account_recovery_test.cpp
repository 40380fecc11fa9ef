// Recovery of a forgotten password.
#include "accounts/account_handler_testing.hpp"

namespace millrace::auth {
namespace {

class AccountRecoveryTest : public AccountHandlerTest {};

TEST_P(AccountRecoveryTest, ARecoveryLinkWorksOnceAndOnlyTheNewestDoes) {
  const std::string id = join("a@example.com", "A");
  mails_.clear();
  const std::string before = ask(login("a@example.com")).access_token();
  const v1::AccountReply known = ask(recover("A@example.com"));
  ASSERT_EQ(mails_.size(), 1U);
  const std::string first = mailed_token();
  const v1::AccountReply unknown = ask(recover("nobody@example.com"));
  EXPECT_EQ(known.SerializeAsString(), unknown.SerializeAsString());
  EXPECT_EQ(mails_.size(), 1U);
  ask(recover("a@example.com"));
  ASSERT_EQ(mails_.size(), 2U);
  const std::string second = mailed_token();
  EXPECT_EQ(second.size(), 43U);
  EXPECT_EQ(ask(reset(first, "battery staple")).refusal().reason(), Refusal::REASON_TOKEN);
  EXPECT_EQ(ask(reset(second, "short")).refusal().field(), "new_password");
  // Two at once: one of them.
  const auto one = begin(reset(second, "battery staple"));
  const auto two = begin(reset(second, "battery stable"));
  finish();
  finish();
  EXPECT_FALSE(one->reply->account().has_refusal());
  EXPECT_EQ(two->reply->account().refusal().reason(), Refusal::REASON_TOKEN);
  EXPECT_FALSE(verify(before).valid());
  EXPECT_FALSE(ask(login("a@example.com", "battery staple")).has_refusal());
  EXPECT_EQ(announced_.back(), id);
}

TEST_P(AccountRecoveryTest, ARecoveryLinkExpires) {
  join("a@example.com", "A");
  ask(recover("a@example.com"));
  now_.wall += AccountHandler::kResetUs + kSecond;
  EXPECT_EQ(ask(reset(mailed_token(), "battery staple")).refusal().reason(), Refusal::REASON_TOKEN);
}

TEST_P(AccountRecoveryTest, AMailboxIsNotFlooded) {
  join("a@example.com", "A");
  mails_.clear();
  for (int i = 0; i < 8; ++i) EXPECT_FALSE(ask(recover("a@example.com")).has_refusal());
  EXPECT_EQ(mails_.size(), 3U);
  for (int i = 0; i < 3; ++i) ask(recover("x@example.com"));
  EXPECT_EQ(ask(recover("a@example.com")).refusal().reason(), Refusal::REASON_TOO_MANY);
}

TEST_P(AccountRecoveryTest, WithoutAMailServerTheAnswerIsTheSame) {
  join("a@example.com", "A");
  dependencies_.mail = {};
  EXPECT_FALSE(ask(recover("a@example.com")).has_refusal());
}

INSTANTIATE_TEST_SUITE_P(Over, AccountRecoveryTest, testing::ValuesIn(store::database_kinds()),
                         store::DatabaseTest::name);

}  // namespace
}  // namespace millrace::auth
