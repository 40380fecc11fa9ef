// Access control over a real database, with stand-ins for hooks and ingest.
#pragma once

#include <gtest/gtest.h>

#include <deque>

#include "base/secret.hpp"
#include "base/wall_time.hpp"
#include "pending_request_testing.hpp"
#include "store/test_database.hpp"
#include "streams/access_control.hpp"
#include "streams/stream_repository.hpp"

namespace millrace::auth {

inline constexpr std::int64_t kSecond = 1'000'000;

// Keeps its questions until the test answers them.
class FakeHook final : public Hook {
 public:
  struct Question {
    Occasion occasion;
    AccessRequest request;
    std::function<void(Result<Verdict>)> answer;
  };
  HookKind kind() const override { return HookKind::kCallback; }
  bool wants(Occasion occasion) const override {
    return occasion == Occasion::kPublish || (occasion == Occasion::kUnpublish && ends) || plays;
  }
  void ask(Occasion occasion, const AccessRequest& request, std::chrono::milliseconds,
           std::function<void(Result<Verdict>)> answer) override {
    questions.push_back({occasion, request, std::move(answer)});
  }
  Question take() {
    Question question = std::move(questions.front());
    questions.pop_front();
    return question;
  }
  std::deque<Question> questions;
  bool plays = false;
  bool ends = true;
};

class AccessControlTest : public store::DatabaseTest {
 protected:
  AccessControlTest() {
    repository_ =
        std::make_unique<StreamRepository>(StreamRepository::open(database_.options(), vault_).value());
    dependencies_.policy.decides = Decides::kCallback;
    dependencies_.policy.hooks = {hook_};
    dependencies_.now = [this] { return now_; };
    dependencies_.live = &live_;
    dependencies_.metrics = &metrics_;
    dependencies_.post = [this](std::function<void(AccessControl&)> task) {
      tasks_.push_back(std::move(task));
    };
    dependencies_.close = [this](const CloseOrder& order, const std::function<void(Result<bool>)>& done) {
      closed_.push_back(order);
      done(closes_);
    };
    dependencies_.limit = [this](const LimitOrder& order, const std::function<void(Result<bool>)>& done) {
      limited_.push_back(order);
      done(limits_);
    };
    restart();
  }

  // As after a crash: what is not in the database is forgotten.
  void restart() {
    access_.reset();
    decisions_ = std::make_unique<Decisions>(*repository_, vault_, DecisionLimits{});
    channels_ = std::make_unique<ChannelRepository>(repository_->database());
    sessions_ = std::make_unique<SessionRepository>(repository_->database(), vault_);
    access_ = std::make_unique<AccessControl>(*decisions_, *channels_, *sessions_, dependencies_);
    tasks_.clear();
    hook_->questions.clear();
    ASSERT_TRUE(access_->open(now_));
  }
  void run() {
    while (!tasks_.empty()) {
      const auto task = std::move(tasks_.front());
      tasks_.pop_front();
      task(*access_);
    }
  }
  void tick(std::int64_t later_us) {
    now_.monotonic_us += later_us;
    now_.wall += later_us;
    access_->tick(now_);
    run();
  }
  std::shared_ptr<FakePendingRequest> publish(std::uint64_t id, const std::string& channel,
                                              const std::string& key = "key") {
    bus::v1::Request request;
    auth::v1::AuthorizePublish& ask = *request.mutable_authorize_publish();
    ask.set_app(channel);
    ask.set_key(key);
    ask.set_peer_address("192.0.2.1");
    ask.set_publication_id(id);
    auto pending = std::make_shared<FakePendingRequest>(request);
    EXPECT_TRUE(access_->handle(pending, now_));
    return pending;
  }
  std::shared_ptr<FakePendingRequest> ask(const bus::v1::Request& request) {
    auto pending = std::make_shared<FakePendingRequest>(request);
    EXPECT_TRUE(access_->handle(pending, now_));
    run();
    return pending;
  }
  std::shared_ptr<FakePendingRequest> play(const std::string& channel, const std::string& key) {
    bus::v1::Request request;
    request.mutable_authorize_play()->set_app(channel);
    request.mutable_authorize_play()->set_name(key);
    request.mutable_authorize_play()->set_play_id(77);
    return ask(request);
  }
  // A copy: the answer may make the hook hear of more.
  // NOLINTNEXTLINE(performance-unnecessary-value-param)
  void answer(FakeHook::Question question, const std::string& session) {
    question.answer(Verdict{.accepted = true, .session_id = session});
    run();
  }
  std::shared_ptr<FakePendingRequest> accepted(std::uint64_t id, const std::string& channel,
                                               const std::string& session) {
    auto pending = publish(id, channel);
    answer(hook_->take(), session);
    EXPECT_TRUE(pending->reply->authorize_publish().allowed());
    return pending;
  }
  LivePublication live(std::uint64_t id, const std::string& channel, std::uint64_t epoch) {
    return {.stream_id = channel,
            .publication_id = PublicationId{id},
            .epoch = Epoch{epoch},
            .session_id = {},
            .instance = {}};
  }
  // The sessions whose stop is being told now.
  std::vector<std::string> stops() {
    std::vector<std::string> sessions;
    for (const auto& question : hook_->questions) {
      if (question.occasion == Occasion::kUnpublish) sessions.push_back(question.request.session_id);
    }
    return sessions;
  }
  using Strings = std::vector<std::string>;

  KeyVault vault_ = KeyVault::create(Secret(std::string(32, 's'))).value();
  std::unique_ptr<StreamRepository> repository_;
  std::unique_ptr<Decisions> decisions_;
  std::unique_ptr<ChannelRepository> channels_;
  std::unique_ptr<SessionRepository> sessions_;
  std::shared_ptr<FakeHook> hook_ = std::make_shared<FakeHook>();
  LiveView live_;
  AuthMetrics metrics_;
  AccessDependencies dependencies_;
  std::deque<std::function<void(AccessControl&)>> tasks_;
  std::vector<CloseOrder> closed_;
  Result<bool> closes_ = false;
  std::vector<LimitOrder> limited_;
  Result<bool> limits_ = true;
  std::unique_ptr<AccessControl> access_;
  Now now_{.monotonic_us = 1000 * kSecond, .wall = WallTime::from_seconds(1'800'000'000)};
};

}  // namespace millrace::auth
