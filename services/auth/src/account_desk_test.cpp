// Accounts over a real database and real hashes of little cost: sign-up to deletion, and what happens when
// two things come at once.
#include "account_desk.hpp"

#include <gtest/gtest.h>

#include <condition_variable>
#include <deque>

#include "account_rules.hpp"
#include "base/secret.hpp"
#include "decisions.hpp"
#include "store/test_database.hpp"
#include "stream_repository.hpp"
#include "viewer_repository.hpp"

namespace millrace::auth {
namespace {

using Refusal = v1::AccountRefusal;
constexpr std::int64_t kSecond = 1'000'000;
constexpr const char* kPassword = "correct horse";

class FakeInquiry final : public Inquiry {
 public:
  explicit FakeInquiry(bus::v1::Request request) : request_(std::move(request)) {}
  const bus::v1::Request& request() const override { return request_; }
  std::int64_t deadline_us() const override { return deadline; }
  void answer(bus::v1::Reply given) override { reply = std::move(given); }
  void expire() override { expired = true; }

  std::int64_t deadline = std::numeric_limits<std::int64_t>::max() / 2;
  std::optional<bus::v1::Reply> reply;
  std::atomic<bool> expired{false};

 private:
  bus::v1::Request request_;
};

class AccountDeskTest : public store::DatabaseTest {
 protected:
  AccountDeskTest() {
    repository_ =
        std::make_unique<StreamRepository>(StreamRepository::open(database_.options(), vault_).value());
    accounts_ = std::make_unique<AccountRepository>(repository_->database());
    decisions_ = std::make_unique<Decisions>(*repository_, vault_, DecisionLimits{});
    outside_.domain = "stage.example.org";
    outside_.hasher = &hasher_;
    outside_.pool = &pool_;
    outside_.tokens = &tokens_;
    outside_.vault = &vault_;
    outside_.access = &access_;
    outside_.now = [this] { return now_; };
    outside_.mail = [this](mail::Message mail) { mails_.push_back(std::move(mail)); };
    outside_.announce = [this](const std::string& subject) { announced_.push_back(subject); };
    outside_.bar = [this](const std::string& id, bool is_barred) { barred_.emplace_back(id, is_barred); };
    outside_.post = [this](std::function<void(AccountDesk&)> task) {
      const std::lock_guard lock(mutex_);
      tasks_.push_back(std::move(task));
      posted_.notify_one();
    };
    restart();
  }
  ~AccountDeskTest() override { pool_.stop(); }

  void restart() {
    desk_ = std::make_unique<AccountDesk>(
        *accounts_, outside_, [this](const StreamEpoch& stream, Now) { cut_.push_back(stream.stream_id); });
    EXPECT_TRUE(desk_->open(now_));
  }
  std::shared_ptr<FakeInquiry> begin(const bus::v1::Request& request) {
    auto inquiry = std::make_shared<FakeInquiry>(request);
    now_.wall_us += 1;
    EXPECT_TRUE(desk_->handle(inquiry, now_));
    return inquiry;
  }
  // What comes back from the pool.
  void finish() {
    std::function<void(AccountDesk&)> task;
    {
      std::unique_lock lock(mutex_);
      ASSERT_TRUE(posted_.wait_for(lock, std::chrono::seconds(30), [this] { return !tasks_.empty(); }));
      task = std::move(tasks_.front());
      tasks_.pop_front();
    }
    now_.wall_us += 1;
    task(*desk_);
  }
  v1::AccountReply ask(const bus::v1::Request& request) {
    const auto inquiry = begin(request);
    if (!inquiry->reply) finish();
    EXPECT_TRUE(inquiry->reply);
    return inquiry->reply ? inquiry->reply->account() : v1::AccountReply();
  }

  static bus::v1::Request sign_up(const std::string& email, const std::string& name) {
    bus::v1::Request request;
    v1::SignUp& ask = *request.mutable_sign_up();
    ask.set_email(email);
    ask.set_password(kPassword);
    ask.set_dj_name(name);
    ask.set_timezone("UTC");
    ask.set_peer_address("192.0.2.1");
    return request;
  }
  static bus::v1::Request login(const std::string& email, const std::string& password = kPassword) {
    bus::v1::Request request;
    request.mutable_login()->set_email(email);
    request.mutable_login()->set_password(password);
    request.mutable_login()->set_peer_address("192.0.2.1");
    return request;
  }
  static bus::v1::Request recover(const std::string& email) {
    bus::v1::Request request;
    request.mutable_recover_password()->set_email(email);
    request.mutable_recover_password()->set_peer_address("192.0.2.1");
    return request;
  }
  static bus::v1::Request reset(const std::string& token, const std::string& password) {
    bus::v1::Request request;
    request.mutable_reset_password()->set_token(token);
    request.mutable_reset_password()->set_new_password(password);
    request.mutable_reset_password()->set_peer_address("192.0.2.1");
    return request;
  }
  static bus::v1::Request change_password(const std::string& id, const std::string& from,
                                          const std::string& to) {
    bus::v1::Request request;
    request.mutable_change_password()->set_id(id);
    request.mutable_change_password()->set_current_password(from);
    request.mutable_change_password()->set_new_password(to);
    return request;
  }
  std::string join(const std::string& email, const std::string& name) {
    return ask(sign_up(email, name)).account().id();
  }
  v1::VerifyTokenReply verify(const std::string& token) {
    bus::v1::Request request;
    request.mutable_verify_token()->set_token(token);
    return verify_token(tokens_, access_, request, now_).verify_token();
  }
  std::string mailed_token() const {
    const std::string& text = mails_.back().text;
    const std::size_t begin = text.find("token=") + 6;
    return text.substr(begin, text.find('\n', begin) - begin);
  }

  KeyVault vault_ = KeyVault::create(Secret(std::string(32, 'k'))).value();
  TokenVerifier tokens_ = TokenVerifier::create(Secret(std::string(32, 't'))).value();
  PasswordHasher hasher_ = PasswordHasher::create({.operations = 1, .memory_bytes = 64 * 1024}).value();
  HashPool pool_{1, 4};
  AccessView access_;
  AccountOutside outside_;
  std::unique_ptr<StreamRepository> repository_;
  std::unique_ptr<AccountRepository> accounts_;
  std::unique_ptr<Decisions> decisions_;
  std::unique_ptr<AccountDesk> desk_;
  Now now_{.monotonic_us = kSecond, .wall_us = 1'800'000'000 * kSecond};
  std::vector<mail::Message> mails_;
  std::vector<std::string> announced_;
  std::vector<std::string> cut_;
  std::vector<std::pair<std::string, bool>> barred_;
  std::mutex mutex_;
  std::condition_variable posted_;
  std::deque<std::function<void(AccountDesk&)>> tasks_;
};

TEST_P(AccountDeskTest, SignsUpAndLogsInWhateverTheCaseOfTheAddress) {
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
  outside_.sign_up = false;
  EXPECT_EQ(ask(sign_up("d@example.com", "D")).refusal().reason(), Refusal::REASON_CLOSED);
}

TEST_P(AccountDeskTest, AWrongPasswordAndAnUnknownAddressAreTheSame) {
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

TEST_P(AccountDeskTest, AnotherPasswordEndsTokensOfBefore) {
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
  const auto stored = accounts_->access(now_.wall_us).value();
  again.load(stored.admins, stored.revocations);
  bus::v1::Request request;
  request.mutable_verify_token()->set_token(before);
  EXPECT_FALSE(verify_token(tokens_, again, request, now_).verify_token().valid());
}

TEST_P(AccountDeskTest, ALoginThatOverlapsAPasswordChangeGetsNoToken) {
  const std::string id = join("a@example.com", "A");
  const auto slow = begin(login("a@example.com"));
  ASSERT_TRUE(accounts_->set_password(id, "", "another hash", now_.wall_us).value());
  finish();
  ASSERT_TRUE(slow->reply);
  EXPECT_EQ(slow->reply->account().refusal().reason(), Refusal::REASON_CREDENTIALS);
}

TEST_P(AccountDeskTest, AHashOfAnotherCostIsMadeAnewAtLogin) {
  const std::string id = join("a@example.com", "A");
  const std::string old = accounts_->find(id).value()->password_hash;
  const PasswordHasher dearer = PasswordHasher::create({.operations = 2, .memory_bytes = 64 * 1024}).value();
  outside_.hasher = &dearer;
  EXPECT_FALSE(ask(login("a@example.com")).has_refusal());
  const std::string made = accounts_->find(id).value()->password_hash;
  EXPECT_NE(made, old);
  EXPECT_FALSE(dearer.is_outdated(made));
  EXPECT_FALSE(ask(login("a@example.com")).has_refusal());
}

TEST_P(AccountDeskTest, ARecoveryLinkWorksOnceAndOnlyTheNewestDoes) {
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

TEST_P(AccountDeskTest, ARecoveryLinkExpires) {
  join("a@example.com", "A");
  ask(recover("a@example.com"));
  now_.wall_us += AccountDesk::kResetUs + kSecond;
  EXPECT_EQ(ask(reset(mailed_token(), "battery staple")).refusal().reason(), Refusal::REASON_TOKEN);
}

TEST_P(AccountDeskTest, AMailboxIsNotFlooded) {
  join("a@example.com", "A");
  mails_.clear();
  for (int i = 0; i < 8; ++i) EXPECT_FALSE(ask(recover("a@example.com")).has_refusal());
  EXPECT_EQ(mails_.size(), 3U);
  for (int i = 0; i < 3; ++i) ask(recover("x@example.com"));
  EXPECT_EQ(ask(recover("a@example.com")).refusal().reason(), Refusal::REASON_TOO_MANY);
}

TEST_P(AccountDeskTest, WithoutAMailServerTheAnswerIsTheSame) {
  join("a@example.com", "A");
  outside_.mail = {};
  EXPECT_FALSE(ask(recover("a@example.com")).has_refusal());
}

TEST_P(AccountDeskTest, AnAdministratorIsOneAtOnceAndNoLongerAtOnce) {
  const std::string id = join("a@example.com", "A");
  const std::string token = ask(login("a@example.com")).access_token();
  bus::v1::Request make;
  make.mutable_make_admin()->set_email("A@example.com");
  EXPECT_TRUE(ask(make).account().is_admin());
  EXPECT_EQ(verify(token).role(), v1::ROLE_ADMIN);
  bus::v1::Request change;
  change.mutable_change_account()->set_id(id);
  change.mutable_change_account()->set_is_admin(false);
  EXPECT_FALSE(ask(change).account().is_admin());
  EXPECT_EQ(verify(token).role(), v1::ROLE_USER);
  make.mutable_make_admin()->set_email("nobody@example.com");
  const auto unknown = begin(make);
  EXPECT_EQ(unknown->reply->error_code(), "auth.unknown_account");
}

TEST_P(AccountDeskTest, WhatIsSwitchedOffIsCutAndComesBack) {
  const std::string id = join("a@example.com", "A");
  const std::string token = ask(login("a@example.com")).access_token();
  const OwnedStream stream = decisions_->ensure_stream(id, 1).value();
  ASSERT_TRUE(decisions_->authorize_publish("live", stream.key.reveal(), "192.0.2.1", 0).value());
  bus::v1::Request change;
  change.mutable_change_account()->set_id(id);
  change.mutable_change_account()->set_is_active(false);
  EXPECT_FALSE(ask(change).account().is_active());
  EXPECT_EQ(cut_, std::vector<std::string>{stream.record.stream_id});
  using Barred = decltype(barred_);
  EXPECT_EQ(std::exchange(barred_, {}), (Barred{{stream.record.stream_id, true}}));
  EXPECT_EQ(decisions_->list_barred(9).value(), std::vector<std::string>{stream.record.stream_id});
  EXPECT_TRUE(decisions_->get_stream(stream.record.stream_id)->barred);
  EXPECT_FALSE(verify(token).valid());
  EXPECT_EQ(ask(login("a@example.com")).refusal().reason(), Refusal::REASON_INACTIVE);
  EXPECT_FALSE(decisions_->authorize_publish("live", stream.key.reveal(), "192.0.2.1", 0).value());
  EXPECT_FALSE(decisions_->authorize_play("live", stream.record.stream_id, "", "192.0.2.1", 0).value());
  change.mutable_change_account()->set_is_active(true);
  EXPECT_TRUE(ask(change).account().is_active());
  EXPECT_FALSE(verify(token).valid()) << "an old token stays dead";
  EXPECT_FALSE(ask(login("a@example.com")).has_refusal());
  EXPECT_TRUE(decisions_->authorize_publish("live", stream.key.reveal(), "192.0.2.1", 0).value());
  EXPECT_EQ(std::exchange(barred_, {}), (Barred{{stream.record.stream_id, false}}));
  EXPECT_TRUE(decisions_->list_barred(9)->empty());
  // A ban is another thing, which stays.
  ASSERT_TRUE(decisions_->set_banned(stream.record.stream_id, true));
  for (const bool active : {false, true}) {
    change.mutable_change_account()->set_is_active(active);
    ask(change);
  }
  EXPECT_EQ(barred_, (Barred{{stream.record.stream_id, true}, {stream.record.stream_id, true}}));
  EXPECT_TRUE(decisions_->get_stream(stream.record.stream_id)->barred);
}

TEST_P(AccountDeskTest, WhatWasEverPublishedOfADeletedAccountStaysBarred) {
  std::vector<std::string> ids;
  for (const char* name : {"A", "B"}) {
    const std::string id = join(std::string(name) + "@example.com", name);
    const OwnedStream stream = decisions_->ensure_stream(id, 1).value();
    if (ids.empty()) {
      ASSERT_TRUE(decisions_->authorize_publish("live", stream.key.reveal(), "192.0.2.1", 0).value());
    }
    ids.push_back(stream.record.stream_id);
    bus::v1::Request remove;
    remove.mutable_delete_account()->set_id(id);
    EXPECT_FALSE(ask(remove).has_refusal());
  }
  EXPECT_EQ(barred_, (decltype(barred_){{ids[0], true}})) << "of the other nobody has anything";
  EXPECT_EQ(decisions_->list_barred(9).value(), std::vector<std::string>{ids[0]}) << "also after a restart";
}

// A start names so many of them only: tokens of the deleted ones end by themselves.
TEST_P(AccountDeskTest, WhatIsSwitchedOffIsNamedBeforeWhatWasDeletedLater) {
  const auto publish = [&](const std::string& account) {
    const OwnedStream stream = decisions_->ensure_stream(account, 1).value();
    EXPECT_TRUE(decisions_->authorize_publish("live", stream.key.reveal(), "192.0.2.1", 0).value());
    return stream.record.stream_id;
  };
  const std::string kept = join("a@example.com", "A");
  const std::string gone = join("b@example.com", "B");
  const std::vector<std::string> ids = {publish(kept), publish(gone)};
  bus::v1::Request change;
  change.mutable_change_account()->set_id(kept);
  change.mutable_change_account()->set_is_active(false);
  ask(change);
  bus::v1::Request remove;
  remove.mutable_delete_account()->set_id(gone);
  ask(remove);
  EXPECT_EQ(decisions_->list_barred(9).value(), ids);
  EXPECT_EQ(decisions_->list_barred(1).value(), std::vector<std::string>{ids[0]});
}

TEST_P(AccountDeskTest, ADeletedAccountLeavesNothing) {
  const std::string id = join("a@example.com", "A");
  const std::string token = ask(login("a@example.com")).access_token();
  const OwnedStream stream = decisions_->ensure_stream(id, 1).value();
  ask(recover("a@example.com"));
  ViewerRepository viewers(repository_->database());
  ViewerRecord viewer;
  viewer.id = 7;
  viewer.stream_id = stream.record.stream_id;
  viewer.key_lookup = std::string(64, 'v');
  ASSERT_TRUE(viewers.add(viewer).value());
  bus::v1::Request remove;
  remove.mutable_delete_account()->set_id(id);
  EXPECT_FALSE(ask(remove).has_refusal());
  EXPECT_TRUE(viewers.list(stream.record.stream_id, 0).value().empty());
  EXPECT_EQ(cut_, std::vector<std::string>{stream.record.stream_id});
  EXPECT_FALSE(verify(token).valid());
  EXPECT_EQ(ask(remove).refusal().reason(), Refusal::REASON_UNKNOWN);
  EXPECT_EQ(decisions_->get_stream(stream.record.stream_id).error().code, "auth.unknown_stream");
  EXPECT_EQ(decisions_->ensure_stream(id, 2).error().code, "auth.unknown_account") << "by a token of before";
  EXPECT_EQ(ask(reset(mailed_token(), "battery staple")).refusal().reason(), Refusal::REASON_TOKEN);
  EXPECT_TRUE(ask(login("a@example.com")).has_refusal());
  EXPECT_FALSE(ask(sign_up("a@example.com", "A")).has_refusal()) << "the names are free again";
}

TEST_P(AccountDeskTest, ChangesWhatIsThereAndRefusesWhatOthersHave) {
  const std::string id = join("a@example.com", "A");
  join("b@example.com", "B");
  mails_.clear();
  bus::v1::Request change;
  v1::ChangeAccount& ask_for = *change.mutable_change_account();
  ask_for.set_id(id);
  ask_for.set_dj_name("Ä");
  ask_for.set_profile_picture("data:image/png;base64,AAAA");
  const v1::AccountReply changed = ask(change);
  EXPECT_EQ(changed.account().dj_name(), "Ä");
  EXPECT_EQ(changed.account().email(), "a@example.com");
  EXPECT_TRUE(mails_.empty());
  ask_for.set_email("B@example.com");
  ask_for.set_asker_id(id);
  ask_for.set_current_password(kPassword);
  EXPECT_EQ(ask(change).refusal().reason(), Refusal::REASON_TAKEN);
  ask_for.set_email("new@example.com");
  ask_for.set_asker_id("acct_administrator");
  EXPECT_EQ(ask(change).account().email(), "new@example.com");
  ASSERT_EQ(mails_.size(), 1U);
  EXPECT_EQ(mails_[0].to, "a@example.com") << "whoever had the address hears of it";
  bus::v1::Request list;
  list.mutable_list_accounts()->set_limit(1000);
  const auto all = begin(list);
  ASSERT_EQ(all->reply->account_list().accounts_size(), 2);
  EXPECT_EQ(all->reply->account_list().accounts(0).dj_name(), "Ä");
  EXPECT_EQ(all->reply->account_list().accounts(0).profile_picture(), "");
  list.mutable_list_accounts()->set_skip(1);
  list.mutable_list_accounts()->set_limit(1);
  const auto second = begin(list);
  EXPECT_EQ(second->reply->account_list().count(), 2U);
  ASSERT_EQ(second->reply->account_list().accounts_size(), 1);
  EXPECT_EQ(second->reply->account_list().accounts(0).dj_name(), "B");
}

// A token that was stolen must not become the account.
TEST_P(AccountDeskTest, AnotherAddressNeedsThePasswordAndNoRecoveryGoesThereForADay) {
  const std::string id = join("a@example.com", "A");
  mails_.clear();
  bus::v1::Request change;
  v1::ChangeAccount& wish = *change.mutable_change_account();
  wish.set_id(id);
  wish.set_email("thief@example.com");
  for (const std::string& asker : {std::string(), id}) {
    wish.set_asker_id(asker);
    const v1::AccountReply refused = ask(change);
    EXPECT_EQ(refused.refusal().reason(), Refusal::REASON_INVALID);
    EXPECT_EQ(refused.refusal().field(), "current_password");
  }
  wish.set_current_password("wrong horse");
  EXPECT_EQ(ask(change).refusal().reason(), Refusal::REASON_CREDENTIALS);
  wish.set_email("a@example.com");
  wish.clear_current_password();
  EXPECT_EQ(ask(change).account().email(), "a@example.com") << "the same one needs nothing";
  EXPECT_TRUE(mails_.empty());
  // Guesses are counted like those of a changed password.
  wish.set_email("thief@example.com");
  wish.set_current_password("wrong horse");
  bool waits = false;
  for (int i = 0; i < 10 && !waits; ++i) waits = ask(change).refusal().reason() == Refusal::REASON_TOO_MANY;
  EXPECT_TRUE(waits);
  now_.monotonic_us += 3600 * kSecond;
  now_.wall_us += 3600 * kSecond;

  wish.set_email("new@example.com");
  wish.set_current_password(kPassword);
  EXPECT_EQ(ask(change).account().email(), "new@example.com");
  ASSERT_EQ(mails_.size(), 1U);
  EXPECT_EQ(mails_[0].to, "a@example.com");
  ask(recover("new@example.com"));
  ask(recover("a@example.com"));
  EXPECT_EQ(mails_.size(), 1U) << "nothing for a day";
  wish.set_email("New@example.com");
  EXPECT_EQ(ask(change).account().email(), "New@example.com");
  EXPECT_EQ(mails_.size(), 1U) << "the same one but for its case";
  now_.monotonic_us += AccountDesk::kYoungAddressUs;
  now_.wall_us += AccountDesk::kYoungAddressUs;
  ask(recover("new@example.com"));
  ASSERT_EQ(mails_.size(), 2U);
  EXPECT_EQ(mails_[1].to, "New@example.com");
  EXPECT_EQ(ask(reset(mailed_token(), "battery staple")).refusal().reason(), Refusal::REASON_UNSPECIFIED);
}

TEST_P(AccountDeskTest, APasswordChangedMeanwhileIsNoLongerGoodForAnotherAddress) {
  const std::string id = join("a@example.com", "A");
  bus::v1::Request change;
  change.mutable_change_account()->set_id(id);
  change.mutable_change_account()->set_email("new@example.com");
  change.mutable_change_account()->set_current_password(kPassword);
  const auto first = begin(change_password(id, kPassword, "battery staple"));
  const auto second = begin(change);
  finish();
  finish();
  EXPECT_FALSE(first->reply->account().has_refusal());
  EXPECT_EQ(second->reply->account().refusal().reason(), Refusal::REASON_CREDENTIALS);
}

TEST_P(AccountDeskTest, TheOperatorTakesTokensBackOfAnySubject) {
  const std::string account = join("a@example.com", "A");
  const std::string subject(512, 's');
  std::string tokens[] = {ask(login("a@example.com")).access_token(),
                          tokens_.issue(subject, now_.wall_us)->reveal()};
  for (const std::string& token : tokens) EXPECT_TRUE(verify(token).valid());
  announced_.clear();
  bus::v1::Request request;
  for (const std::string& whose : {account, subject}) {
    request.mutable_revoke_tokens()->set_subject(whose);
    const auto inquiry = begin(request);
    ASSERT_TRUE(inquiry->reply);
    EXPECT_EQ(inquiry->reply->error_code(), "");
  }
  EXPECT_EQ(announced_, (std::vector<std::string>{account, subject}));
  for (const std::string& token : tokens) EXPECT_FALSE(verify(token).valid());
  now_.wall_us += 1;
  EXPECT_TRUE(verify(tokens_.issue(subject, now_.wall_us)->reveal()).valid()) << "of afterwards";
  const auto stored = accounts_->access(now_.wall_us + 400LL * 24 * 3600 * kSecond).value().revocations;
  ASSERT_EQ(stored.size(), 1U) << "an account's is forgotten when every token has expired, another's never";
  EXPECT_EQ(stored[0].subject, subject);
  ASSERT_TRUE(accounts_->revoke_tokens(subject, stored[0].at_us - 5 * kSecond));
  EXPECT_EQ(accounts_->access(now_.wall_us).value().revocations.back().at_us, stored[0].at_us)
      << "a clock that stepped back gives no token back";
  request.mutable_revoke_tokens()->set_subject("a\nb");
  EXPECT_EQ(begin(request)->reply->error_code(), "auth.subject");
}

TEST_P(AccountDeskTest, MoreThanThePoolHoldsIsRefusedAtOnceAndDoesNotCount) {
  std::mutex gate;
  gate.lock();
  ASSERT_TRUE(pool_.submit([&gate] { const std::lock_guard wait(gate); }));
  std::vector<std::shared_ptr<FakeInquiry>> waiting;
  std::shared_ptr<FakeInquiry> refused;
  for (int i = 0; i < 8 && !refused; ++i) {
    auto inquiry = begin(login("a" + std::to_string(i) + "@example.com"));
    (inquiry->reply ? refused : waiting.emplace_back()) = inquiry;
  }
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->reply->error_code(), "auth.overloaded");
  gate.unlock();
  for (std::size_t i = 0; i < waiting.size(); ++i) finish();
  for (const auto& inquiry : waiting) EXPECT_TRUE(inquiry->reply);
}

INSTANTIATE_TEST_SUITE_P(Over, AccountDeskTest, testing::ValuesIn(store::database_kinds()),
                         store::DatabaseTest::name);

}  // namespace
}  // namespace millrace::auth
