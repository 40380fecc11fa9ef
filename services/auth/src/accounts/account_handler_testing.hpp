// Accounts over a real database and real hashes of little cost.
#pragma once

#include <gtest/gtest.h>

#include <condition_variable>
#include <deque>

#include "accounts/account_handler.hpp"
#include "accounts/account_rules.hpp"
#include "base/secret.hpp"
#include "base/wall_time.hpp"
#include "pending_request_testing.hpp"
#include "store/test_database.hpp"
#include "streams/decisions.hpp"
#include "streams/stream_repository.hpp"
#include "viewers/viewer_repository.hpp"

namespace millrace::auth {
using Refusal = v1::AccountRefusal;
inline constexpr std::int64_t kSecond = 1'000'000;
inline constexpr const char* kPassword = "correct horse";

class AccountHandlerTest : public store::DatabaseTest {
 protected:
  AccountHandlerTest() {
    repository_ =
        std::make_unique<StreamRepository>(StreamRepository::open(database_.options(), vault_).value());
    accounts_ = std::make_unique<AccountRepository>(repository_->database());
    decisions_ = std::make_unique<Decisions>(*repository_, vault_, DecisionLimits{});
    dependencies_.domain = "stage.example.org";
    dependencies_.hasher = &hasher_;
    dependencies_.pool = &pool_;
    dependencies_.tokens = &tokens_;
    dependencies_.vault = &vault_;
    dependencies_.access = &access_;
    dependencies_.now = [this] {
      const std::lock_guard lock(mutex_);
      return now_;
    };
    dependencies_.mail = [this](mail::Message mail) { mails_.push_back(std::move(mail)); };
    dependencies_.announce = [this](const std::string& subject) { announced_.push_back(subject); };
    dependencies_.post = [this](std::function<void(AccountHandler&)> task) {
      const std::lock_guard lock(mutex_);
      tasks_.push_back(std::move(task));
      posted_.notify_one();
    };
    restart();
  }
  ~AccountHandlerTest() override { pool_.stop(); }

  void restart() {
    handler_ = std::make_unique<AccountHandler>(
        *accounts_, dependencies_,
        StreamControl{.revoke = [this](const StreamEpoch& stream, Now) { cut_.push_back(stream.stream_id); },
                      .announce_barred = [this](const std::string& id,
                                                bool barred) { barred_.emplace_back(id, barred); },
                      .announce_unwanted = [this](const std::string& id) { unwanted_.push_back(id); }});
    EXPECT_TRUE(handler_->open(now_));
  }
  std::shared_ptr<FakePendingRequest> begin(const bus::v1::Request& request) {
    auto pending = std::make_shared<FakePendingRequest>(request);
    advance();
    EXPECT_TRUE(handler_->handle(pending, now_));
    return pending;
  }
  // What comes back from the pool.
  void finish() {
    std::function<void(AccountHandler&)> task;
    {
      std::unique_lock lock(mutex_);
      ASSERT_TRUE(posted_.wait_for(lock, std::chrono::seconds(30), [this] { return !tasks_.empty(); }));
      task = std::move(tasks_.front());
      tasks_.pop_front();
    }
    advance();
    task(*handler_);
  }
  // Also while the pool, which looks at the clock, works.
  void advance() {
    const std::lock_guard lock(mutex_);
    now_.wall += 1;
  }
  v1::AccountReply ask(const bus::v1::Request& request) {
    const auto pending = begin(request);
    if (!pending->reply) finish();
    EXPECT_TRUE(pending->reply);
    return pending->reply ? pending->reply->account() : v1::AccountReply();
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

  // What a start finds revoked.
  using Revoked = std::vector<std::pair<std::string, std::uint64_t>>;
  Revoked revoked() {
    Revoked all;
    const std::vector<RevokedStream> streams = decisions_->list_revoked(9).value();
    for (const RevokedStream& stream : streams) all.emplace_back(stream.stream_id, number_of(stream.epoch));
    return all;
  }

  KeyVault vault_ = KeyVault::create(Secret(std::string(32, 'k'))).value();
  TokenVerifier tokens_ = TokenVerifier::create(Secret(std::string(32, 't'))).value();
  PasswordHasher hasher_ = PasswordHasher::create({.operations = 1, .memory_bytes = 65'536}).value();
  HashPool pool_{1, 4};
  AccessView access_;
  AccountDependencies dependencies_;
  std::unique_ptr<StreamRepository> repository_;
  std::unique_ptr<AccountRepository> accounts_;
  std::unique_ptr<Decisions> decisions_;
  std::unique_ptr<AccountHandler> handler_;
  Now now_{.monotonic_us = kSecond, .wall = WallTime::from_seconds(1'800'000'000)};
  std::vector<mail::Message> mails_;
  std::vector<std::string> announced_;
  std::vector<std::string> cut_;
  std::vector<std::pair<std::string, bool>> barred_;
  std::vector<std::string> unwanted_;
  std::mutex mutex_;
  std::condition_variable posted_;
  std::deque<std::function<void(AccountHandler&)>> tasks_;
};

}  // namespace millrace::auth
