// The desk over a real database, with stand-ins for hooks and ingest.
#pragma once

#include <gtest/gtest.h>

#include <deque>

#include "base/secret.hpp"
#include "desk.hpp"
#include "store/test_database.hpp"
#include "stream_repository.hpp"

namespace millrace::auth {

inline constexpr std::int64_t kSecond = 1'000'000;

class FakeInquiry final : public Inquiry {
 public:
  explicit FakeInquiry(bus::v1::Request request) : request_(std::move(request)) {}
  const bus::v1::Request& request() const override { return request_; }
  std::int64_t deadline_us() const override { return deadline; }
  void answer(bus::v1::Reply given) override { reply = std::move(given); }
  void expire() override { expired = true; }

  std::int64_t deadline = std::numeric_limits<std::int64_t>::max() / 2;
  std::optional<bus::v1::Reply> reply;
  bool expired = false;

 private:
  bus::v1::Request request_;
};

// Keeps its questions until the test answers them.
class FakeHook final : public Hook {
 public:
  struct Question {
    Occasion occasion;
    Visit visit;
    std::function<void(Result<Verdict>)> answer;
  };
  HookKind kind() const override { return HookKind::kCallback; }
  bool wants(Occasion occasion) const override {
    return occasion == Occasion::kPublish || (occasion == Occasion::kUnpublish && ends) || plays;
  }
  void ask(Occasion occasion, const Visit& visit, std::chrono::milliseconds,
           std::function<void(Result<Verdict>)> answer) override {
    questions.push_back({occasion, visit, std::move(answer)});
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

class DeskTest : public store::DatabaseTest {
 protected:
  DeskTest() {
    repository_ =
        std::make_unique<StreamRepository>(StreamRepository::open(database_.options(), vault_).value());
    outside_.decides = Decides::kCallback;
    outside_.hooks = {hook_};
    outside_.now = [this] { return now_; };
    outside_.live = &live_;
    outside_.metrics = &metrics_;
    outside_.post = [this](std::function<void(Desk&)> task) { tasks_.push_back(std::move(task)); };
    outside_.close = [this](const CloseOrder& order, std::function<void(Result<bool>)> done) {
      closed_.push_back(order);
      done(closes_);
    };
    outside_.limit = [this](const LimitOrder& order, std::function<void(Result<bool>)> done) {
      limited_.push_back(order);
      done(limits_);
    };
    restart();
  }

  // As after a crash: what is not in the database is forgotten.
  void restart() {
    desk_.reset();
    decisions_ = std::make_unique<Decisions>(*repository_, vault_, DecisionLimits{});
    channels_ = std::make_unique<ChannelRepository>(repository_->database());
    sessions_ = std::make_unique<SessionRepository>(repository_->database(), vault_);
    desk_ = std::make_unique<Desk>(*decisions_, *channels_, *sessions_, outside_);
    tasks_.clear();
    hook_->questions.clear();
    ASSERT_TRUE(desk_->open(now_));
  }
  void run() {
    while (!tasks_.empty()) {
      const auto task = std::move(tasks_.front());
      tasks_.pop_front();
      task(*desk_);
    }
  }
  void tick(std::int64_t later_us) {
    now_.monotonic_us += later_us;
    now_.wall_us += later_us;
    desk_->tick(now_);
    run();
  }
  std::shared_ptr<FakeInquiry> publish(std::uint64_t id, const std::string& channel,
                                       const std::string& key = "key") {
    bus::v1::Request request;
    auth::v1::AuthorizePublish& ask = *request.mutable_authorize_publish();
    ask.set_app(channel);
    ask.set_key(key);
    ask.set_peer_address("192.0.2.1");
    ask.set_publication_id(id);
    auto inquiry = std::make_shared<FakeInquiry>(request);
    EXPECT_TRUE(desk_->handle(inquiry, now_));
    return inquiry;
  }
  std::shared_ptr<FakeInquiry> ask(const bus::v1::Request& request) {
    auto inquiry = std::make_shared<FakeInquiry>(request);
    EXPECT_TRUE(desk_->handle(inquiry, now_));
    run();
    return inquiry;
  }
  std::shared_ptr<FakeInquiry> play(const std::string& channel, const std::string& key) {
    bus::v1::Request request;
    request.mutable_authorize_play()->set_app(channel);
    request.mutable_authorize_play()->set_name(key);
    request.mutable_authorize_play()->set_play_id(77);
    return ask(request);
  }
  void answer(FakeHook::Question question, const std::string& session) {
    question.answer(Verdict{.accepted = true, .session_id = session});
    run();
  }
  std::shared_ptr<FakeInquiry> accepted(std::uint64_t id, const std::string& channel,
                                        const std::string& session) {
    auto inquiry = publish(id, channel);
    answer(hook_->take(), session);
    EXPECT_TRUE(inquiry->reply->authorize_publish().allowed());
    return inquiry;
  }
  LivePublication live(std::uint64_t id, const std::string& channel, std::uint64_t epoch) {
    return {.stream_id = channel, .publication_id = id, .epoch = epoch, .session_id = {}};
  }
  // The sessions whose stop is being told now.
  std::vector<std::string> stops() {
    std::vector<std::string> sessions;
    for (const auto& question : hook_->questions) {
      if (question.occasion == Occasion::kUnpublish) sessions.push_back(question.visit.session_id);
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
  DeskOutside outside_;
  std::deque<std::function<void(Desk&)>> tasks_;
  std::vector<CloseOrder> closed_;
  Result<bool> closes_ = false;
  std::vector<LimitOrder> limited_;
  Result<bool> limits_ = true;
  std::unique_ptr<Desk> desk_;
  Now now_{.monotonic_us = 1000 * kSecond, .wall_us = 1'800'000'000 * kSecond};
};

}  // namespace millrace::auth
