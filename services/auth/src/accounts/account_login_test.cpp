// Sign-up, login and what tokens are worth after it, and what happens when two things come at once.
#include "accounts/account_handler_testing.hpp"

namespace millrace::auth {
namespace {

class AccountLoginTest : public AccountHandlerTest {};

TEST_P(AccountLoginTest, SignsUpAndLogsInWhateverTheCaseOfTheAddress) {
  const v1::AccountReply made = ask(sign_up("Ann@Example.com", "Ann"));
  ASSERT_FALSE(made.has_refusal()) << made.refusal().message();
  EXPECT_TRUE(is_account_subject(made.account().id()));
  ASSERT_EQ(mails_.size(), 1U);
  EXPECT_EQ(mails_[0].to, "Ann@Example.com");
  const v1::AccountReply in = ask(login("aNN@example.COM"));
  ASSERT_FALSE(in.has_refusal());
  EXPECT_EQ(in.expires_in_seconds(), 1800U);
  EXPECT_EQ(verify(in.access_token()).subject(), made.account().id());
  EXPECT_EQ(verify(in.access_token()).role(), v1::ROLE_USER);
  for (const auto& [email, name, field] :
       {std::tuple{"ann@example.com", "Other", "email"}, std::tuple{"b@example.com", "aNN", "dj_name"}}) {
    const v1::AccountReply again = ask(sign_up(email, name));
    EXPECT_EQ(again.refusal().reason(), Refusal::REASON_TAKEN);
    EXPECT_EQ(again.refusal().field(), field);
  }
  bus::v1::Request bad = sign_up("c@example.com", "C");
  bad.mutable_sign_up()->set_timezone("");
  EXPECT_EQ(ask(bad).refusal().field(), "timezone");
  dependencies_.sign_up = false;
  EXPECT_EQ(ask(sign_up("d@example.com", "D")).refusal().reason(), Refusal::REASON_CLOSED);
}

TEST_P(AccountLoginTest, AWrongPasswordAndAnUnknownAddressAreTheSame) {
  join("a@example.com", "A");
  const v1::AccountReply wrong = ask(login("a@example.com", "wrong horse"));
  const v1::AccountReply unknown = ask(login("b@example.com"));
  EXPECT_EQ(wrong.refusal().reason(), Refusal::REASON_CREDENTIALS);
  EXPECT_EQ(wrong.SerializeAsString(), unknown.SerializeAsString());
  for (int i = 0; i < 5; ++i) ask(login("a@example.com", "wrong horse"));
  const v1::AccountReply waits = ask(login("a@example.com"));
  EXPECT_EQ(waits.refusal().reason(), Refusal::REASON_TOO_MANY) << "also with the right one";
  EXPECT_GT(waits.refusal().retry_after_seconds(), 0U);
}

TEST_P(AccountLoginTest, AnotherPasswordEndsTokensOfBefore) {
  const std::string id = join("a@example.com", "A");
  const std::string before = ask(login("a@example.com")).access_token();
  ASSERT_TRUE(verify(before).valid());
  EXPECT_EQ(ask(change_password(id, "wrong horse", "battery staple")).refusal().reason(),
            Refusal::REASON_CREDENTIALS);
  EXPECT_EQ(ask(change_password(id, kPassword, "short")).refusal().field(), "new_password");
  EXPECT_TRUE(verify(before).valid());
  EXPECT_FALSE(ask(change_password(id, kPassword, "battery staple")).has_refusal());
  EXPECT_FALSE(verify(before).valid());
  EXPECT_EQ(announced_, std::vector<std::string>{id});
  EXPECT_TRUE(ask(login("a@example.com")).has_refusal());
  const std::string after = ask(login("a@example.com", "battery staple")).access_token();
  EXPECT_TRUE(verify(after).valid()) << "in the same second";
  // A restart of auth knows it still.
  AccessView again;
  const auto stored = accounts_->access(now_.wall).value();
  again.load(stored.admins, stored.revocations);
  bus::v1::Request request;
  request.mutable_verify_token()->set_token(before);
  EXPECT_FALSE(verify_token(tokens_, again, request, now_).verify_token().valid());
}

TEST_P(AccountLoginTest, ALoginThatOverlapsAPasswordChangeGetsNoToken) {
  const std::string id = join("a@example.com", "A");
  const auto slow = begin(login("a@example.com"));
  ASSERT_TRUE(accounts_->set_password(id, "", "another hash", now_.wall).value());
  finish();
  ASSERT_TRUE(slow->reply);
  EXPECT_EQ(slow->reply->account().refusal().reason(), Refusal::REASON_CREDENTIALS);
}

TEST_P(AccountLoginTest, AHashOfAnotherCostIsMadeAnewAtLogin) {
  const std::string id = join("a@example.com", "A");
  const std::string old = accounts_->find(id).value()->password_hash;
  const PasswordHasher dearer = PasswordHasher::create({.operations = 2, .memory_bytes = 65'536}).value();
  dependencies_.hasher = &dearer;
  EXPECT_FALSE(ask(login("a@example.com")).has_refusal());
  const std::string made = accounts_->find(id).value()->password_hash;
  EXPECT_NE(made, old);
  EXPECT_FALSE(dearer.is_outdated(made));
  EXPECT_FALSE(ask(login("a@example.com")).has_refusal());
}

TEST_P(AccountLoginTest, TheOperatorTakesTokensBackOfAnySubject) {
  const std::string account = join("a@example.com", "A");
  const std::string subject(512, 's');
  std::string tokens[] = {ask(login("a@example.com")).access_token(),
                          tokens_.issue(subject, now_.wall)->reveal()};
  for (const std::string& token : tokens) EXPECT_TRUE(verify(token).valid());
  announced_.clear();
  bus::v1::Request request;
  for (const std::string& whose : {account, subject}) {
    request.mutable_revoke_tokens()->set_subject(whose);
    const auto pending = begin(request);
    ASSERT_TRUE(pending->reply);
    EXPECT_EQ(pending->reply->error_code(), "");
  }
  EXPECT_EQ(announced_, (std::vector<std::string>{account, subject}));
  for (const std::string& token : tokens) EXPECT_FALSE(verify(token).valid());
  now_.wall += 1;
  EXPECT_TRUE(verify(tokens_.issue(subject, now_.wall)->reveal()).valid()) << "of afterwards";
  const auto stored = accounts_->access(now_.wall + 400LL * 24 * 3600 * kSecond).value().revocations;
  ASSERT_EQ(stored.size(), 1U) << "an account's is forgotten when every token has expired, another's never";
  EXPECT_EQ(stored[0].subject, subject);
  ASSERT_TRUE(accounts_->revoke_tokens(subject, stored[0].at - 5 * kSecond));
  EXPECT_EQ(accounts_->access(now_.wall).value().revocations.back().at, stored[0].at)
      << "a clock that stepped back gives no token back";
  request.mutable_revoke_tokens()->set_subject("a\nb");
  EXPECT_EQ(begin(request)->reply->error_code(), "auth.subject");
}

TEST_P(AccountLoginTest, MoreThanThePoolHoldsIsRefusedAtOnceAndDoesNotCount) {
  std::mutex gate;
  gate.lock();
  ASSERT_TRUE(pool_.submit([&gate] { const std::lock_guard wait(gate); }));
  std::vector<std::shared_ptr<FakePendingRequest>> waiting;
  std::shared_ptr<FakePendingRequest> refused;
  for (int i = 0; i < 8 && !refused; ++i) {
    auto pending = begin(login("a" + std::to_string(i) + "@example.com"));
    (pending->reply ? refused : waiting.emplace_back()) = pending;
  }
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->reply->error_code(), "auth.overloaded");
  gate.unlock();
  for (std::size_t i = 0; i < waiting.size(); ++i) finish();
  for (const auto& pending : waiting) EXPECT_TRUE(pending->reply);
}

INSTANTIATE_TEST_SUITE_P(Over, AccountLoginTest, testing::ValuesIn(store::database_kinds()),
                         store::DatabaseTest::name);

}  // namespace
}  // namespace millrace::auth
