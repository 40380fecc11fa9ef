#include "play/play_role.hpp"

#include <boost/asio/io_context.hpp>
#include <optional>

#include "role_fixture.hpp"

namespace millrace::ingest {
namespace {

class HeldAuthority final : public Authority {
 public:
  void may_publish(PublishQuestion, std::function<void(Result<PublishDecision>)>) override {}
  void may_play(PlayQuestion question, std::function<void(Result<PlayDecision>)> answer) override {
    questions.push_back(std::move(question));
    answers.push_back(std::move(answer));
  }
  std::vector<PlayQuestion> questions;
  std::vector<std::function<void(Result<PlayDecision>)>> answers;
};

class PlayRoleTest : public testing::RoleTest {
 protected:
  PlayRoleTest() {
    connection_.end_role = [this](media::LogEnd) { role_->end(); };
    role_.emplace(connection_, context_);
  }
  ~PlayRoleTest() override { role_->end(); }

  void ask(const char* name = "one") {
    auto request = connection_.request<rtmp::PlayRequested>("play", name);
    role_->ask(request, [this](const std::function<void(PlayRole&)>& work) { work(*role_); });
  }
  static PlayDecision allowed() {
    PlayDecision decision{true, "one"};
    decision.report_end = true;
    return decision;
  }

  testing::RecordedConnection connection_;
  boost::asio::io_context io_;
  HeldAuthority authority_;
  PlayerGroups groups_{{io_, 0, streams_, *reader_, counters_}};
  PlayContext context_{config_, counters_, authority_, announcer_, groups_};
  std::optional<PlayRole> role_;
};

TEST_F(PlayRoleTest, PlaysWhenItMay) {
  ask("one?cache=clear");
  ASSERT_EQ(authority_.answers.size(), 1U);
  EXPECT_EQ(role_->state().from, PlayFrom::kOldestKey);
  authority_.answers[0](allowed());
  EXPECT_TRUE(role_->playing());
  EXPECT_TRUE(connection_.was_told("NetStream.Play.Start"));
  EXPECT_EQ(counters_.players, 1U);
  role_->end();
  EXPECT_EQ(counters_.players, 0U);
  authority_.answers.clear();
  EXPECT_EQ(announcer_.plays_ended, 1);
}

TEST_F(PlayRoleTest, AnAnswerToAnOlderRequestIsVoid) {
  ask();
  connection_.receive(rtmp::testing::command("deleteStream", 0, {rtmp::amf0::Null{}, 1.0}));
  role_->stop();
  EXPECT_TRUE(role_->over());
  connection_.receive(rtmp::testing::command("createStream", 4, {rtmp::amf0::Null{}}));
  role_.emplace(connection_, context_);
  ask();
  ASSERT_EQ(authority_.answers.size(), 2U);
  EXPECT_NE(authority_.questions[0].play_id, authority_.questions[1].play_id);
  authority_.answers[0](PlayDecision{});
  EXPECT_TRUE(role_->asking()) << "that was the first one's";
  authority_.answers[0](allowed());
  EXPECT_TRUE(role_->asking());
  authority_.answers.erase(authority_.answers.begin());
  EXPECT_EQ(announcer_.plays_ended, 1) << "auth let the first one in: it hears that it has gone";
  authority_.answers[0](allowed());
  EXPECT_TRUE(role_->playing());
}

TEST_F(PlayRoleTest, AsksNobodyAboutABadName) {
  ask("no/name");
  EXPECT_TRUE(authority_.answers.empty());
  EXPECT_TRUE(connection_.was_told("There is no such stream."));
  EXPECT_TRUE(connection_.lingers);
}

TEST_F(PlayRoleTest, AsksNobodyForAnAddressThatMayNotPlay) {
  config_.play_whitelist = *net::IpNetworks::parse("198.51.100.0/24");
  ask();
  EXPECT_TRUE(authority_.answers.empty());
  EXPECT_TRUE(connection_.was_told("NetStream.Play.BadName"));
  EXPECT_EQ(counters_.play_refused, 1U);
}

TEST_F(PlayRoleTest, TellsThePlayerThatNobodyCanDecide) {
  ask();
  authority_.answers[0](fail("bus.deadline", "late"));
  EXPECT_TRUE(connection_.was_told("Nobody can decide at the moment: try again."));
  EXPECT_TRUE(role_->over());
}

TEST_F(PlayRoleTest, ClosesWithoutADecisionInTime) {
  ask();
  connection_.now += PlayRole::kDecisionUs + 1;
  role_->tick(connection_.now);
  EXPECT_EQ(connection_.closed, "no decision in time");
}

TEST_F(PlayRoleTest, HasAnAllowanceBetweenTwoPings) {
  ask();
  authority_.answers[0](allowed());
  const Bytes acknowledgement = rtmp::testing::control(rtmp::MessageType::kAcknowledgement, 1);
  Bytes acknowledgements;
  while (acknowledgements.size() <= PlayRole::kMaxPlayerBytes)
    acknowledgements.insert(acknowledgements.end(), acknowledgement.begin(), acknowledgement.end());
  connection_.receive(acknowledgements);
  EXPECT_FALSE(role_->within_allowance());
  connection_.now += std::chrono::microseconds(config_.ping).count();
  role_->tick(connection_.now);
  EXPECT_TRUE(role_->within_allowance());
}

TEST_F(PlayRoleTest, ClosesASilentPlayer) {
  ask();
  authority_.answers[0](allowed());
  const std::int64_t last_read = connection_.now;
  connection_.now += 3 * std::chrono::microseconds(config_.ping).count() + 1;
  role_->tick(last_read);
  EXPECT_EQ(connection_.closed, "no answer to pings");
  EXPECT_EQ(counters_.players, 0U);
}

}  // namespace
}  // namespace millrace::ingest
