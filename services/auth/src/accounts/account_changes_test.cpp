// Changes of accounts, by their owners and by administrators, up to their deletion.
#include "accounts/account_handler_testing.hpp"

namespace millrace::auth {
namespace {

class AccountChangesTest : public AccountHandlerTest {};

TEST_P(AccountChangesTest, AnAdministratorIsOneAtOnceAndNoLongerAtOnce) {
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

TEST_P(AccountChangesTest, WhatIsSwitchedOffIsCutAndComesBack) {
  const std::string id = join("a@example.com", "A");
  const std::string token = ask(login("a@example.com")).access_token();
  const OwnedStream stream = decisions_->ensure_stream(id, WallTime::from_us(1)).value();
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
  EXPECT_EQ(revoked(), (Revoked{{stream.record.stream_id, 1}})) << "also after a restart";
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

TEST_P(AccountChangesTest, NoAccountIsSwitchedOffWhoseStreamsCantBeCut) {
  const std::string id = join("a@example.com", "A");
  const std::string token = ask(login("a@example.com")).access_token();
  const auto database = database_.another_session();
  *database << "ALTER TABLE streams RENAME TO hidden";
  bus::v1::Request change;
  change.mutable_change_account()->set_id(id);
  change.mutable_change_account()->set_is_active(false);
  EXPECT_FALSE(begin(change)->reply->error_code().empty());
  *database << "ALTER TABLE hidden RENAME TO streams";
  EXPECT_TRUE(accounts_->find(id).value()->active);
  EXPECT_TRUE(verify(token).valid());
}

TEST_P(AccountChangesTest, WhatWasEverPublishedOfADeletedAccountStaysBarred) {
  std::vector<std::string> ids;
  for (const char* name : {"A", "B"}) {
    const std::string id = join(std::string(name) + "@example.com", name);
    const OwnedStream stream = decisions_->ensure_stream(id, WallTime::from_us(1)).value();
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
  EXPECT_EQ(revoked(), (Revoked{{ids[0], 1}}));
}

TEST_P(AccountChangesTest, TheRecordingsOfADeletedAccountGoWhenItsOwnerWantsThat) {
  using Ids = std::vector<std::string>;
  Ids published;
  for (const char* name : {"A", "B", "C"}) {
    const std::string id = join(std::string(name) + "@example.com", name);
    const OwnedStream stream = decisions_->ensure_stream(id, WallTime::from_us(1)).value();
    if (name != std::string("C")) {
      ASSERT_TRUE(decisions_->authorize_publish("live", stream.key.reveal(), "192.0.2.1", 0).value());
      published.push_back(stream.record.stream_id);
    }
    bus::v1::Request remove;
    remove.mutable_delete_account()->set_id(id);
    remove.mutable_delete_account()->set_delete_recordings(name != std::string("A"));
    EXPECT_FALSE(ask(remove).has_refusal());
  }
  EXPECT_EQ(std::exchange(unwanted_, {}), Ids{published[1]})
      << "not of who keeps, nor of who never published";
  restart();
  EXPECT_EQ(std::exchange(unwanted_, {}), Ids{published[1]}) << "whoever was away hears it";
  EXPECT_TRUE(handler_->catch_up(now_));
  EXPECT_EQ(unwanted_, Ids{published[1]}) << "it may have been stored and not answered";
  EXPECT_EQ(accounts_->list_unwanted(0)->size(), 0U);
  EXPECT_EQ(decisions_->list_barred(9)->size(), 2U) << "nobody watches either of them";
}

// A start names so many of them only: tokens of the deleted ones end by themselves.
TEST_P(AccountChangesTest, WhatIsSwitchedOffIsNamedBeforeWhatWasDeletedLater) {
  const auto publish = [&](const std::string& account) {
    const OwnedStream stream = decisions_->ensure_stream(account, WallTime::from_us(1)).value();
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

TEST_P(AccountChangesTest, ADeletedAccountLeavesNothing) {
  const std::string id = join("a@example.com", "A");
  const std::string token = ask(login("a@example.com")).access_token();
  const OwnedStream stream = decisions_->ensure_stream(id, WallTime::from_us(1)).value();
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
  EXPECT_TRUE(viewers.list(stream.record.stream_id, {}).value().empty());
  EXPECT_EQ(cut_, std::vector<std::string>{stream.record.stream_id});
  EXPECT_FALSE(verify(token).valid());
  EXPECT_EQ(ask(remove).refusal().reason(), Refusal::REASON_UNKNOWN);
  EXPECT_EQ(decisions_->get_stream(stream.record.stream_id).error().code, "auth.unknown_stream");
  EXPECT_EQ(decisions_->ensure_stream(id, WallTime::from_us(2)).error().code, "auth.unknown_account")
      << "by a token of before";
  EXPECT_EQ(ask(reset(mailed_token(), "battery staple")).refusal().reason(), Refusal::REASON_TOKEN);
  EXPECT_TRUE(ask(login("a@example.com")).has_refusal());
  EXPECT_FALSE(ask(sign_up("a@example.com", "A")).has_refusal()) << "the names are free again";
}

TEST_P(AccountChangesTest, ChangesWhatIsThereAndRefusesWhatOthersHave) {
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
TEST_P(AccountChangesTest, AnotherAddressNeedsThePasswordAndNoRecoveryGoesThereForADay) {
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
  now_.wall += 3600 * kSecond;

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
  now_.monotonic_us += AccountHandler::kYoungAddressUs;
  now_.wall += AccountHandler::kYoungAddressUs;
  ask(recover("new@example.com"));
  ASSERT_EQ(mails_.size(), 2U);
  EXPECT_EQ(mails_[1].to, "New@example.com");
  EXPECT_EQ(ask(reset(mailed_token(), "battery staple")).refusal().reason(), Refusal::REASON_UNSPECIFIED);
}

TEST_P(AccountChangesTest, APasswordChangedMeanwhileIsNoLongerGoodForAnotherAddress) {
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

INSTANTIATE_TEST_SUITE_P(Over, AccountChangesTest, testing::ValuesIn(store::database_kinds()),
                         store::DatabaseTest::name);

}  // namespace
}  // namespace millrace::auth
