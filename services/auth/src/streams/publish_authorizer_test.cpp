// Over a real database, with stand-ins for hooks: who gets an epoch, and what is left of those who do not.
#include "streams/access_control_testing.hpp"

namespace millrace::auth {
namespace {

class PublishAuthorizerTest : public AccessControlTest {};

TEST_P(PublishAuthorizerTest, AnAcceptedPublisherGetsItsChannelASessionAndAGrowingEpoch) {
  const auto first = accepted(1, "chan", "s1");
  EXPECT_EQ(first->reply->authorize_publish().stream_id(), "chan");
  EXPECT_EQ(first->reply->authorize_publish().session_id(), "s1");
  EXPECT_EQ(first->reply->authorize_publish().epoch(), 1U);
  EXPECT_NE(first->reply->authorize_publish().play_tag(), 0U);
  EXPECT_EQ(accepted(2, "chan", "s2")->reply->authorize_publish().epoch(), 2U);
}

TEST_P(PublishAuthorizerTest, ARefusalAnswersNoAndLeavesNothingBehind) {
  const auto pending = publish(1, "chan");
  hook_->take().answer(Verdict{});
  run();
  EXPECT_EQ(pending->reply->authorize_publish().ByteSizeLong(), 0U);
  tick(120 * kSecond);
  EXPECT_TRUE(hook_->questions.empty());
  const auto silent = publish(2, "chan");
  hook_->take().answer(fail("http.deadline", "no answer"));
  run();
  EXPECT_EQ(silent->reply->error_code(), "auth.hook");
}

TEST_P(PublishAuthorizerTest, OfTwoAtOnceTheLaterOneWinsWhoeverAnswersFirst) {
  const auto early = publish(1, "chan");
  const auto late = publish(2, "chan");
  auto early_question = hook_->take();
  answer(hook_->take(), "late");
  EXPECT_TRUE(late->reply->authorize_publish().allowed());
  answer(std::move(early_question), "early");
  EXPECT_EQ(early->reply->error_code(), "auth.superseded");
  tick(0);
  EXPECT_EQ(stops(), Strings{"early"});
  // The other way round both get an epoch, in order; ingest has the newer one.
  const auto third = publish(3, "other");
  const auto fourth = publish(4, "other");
  hook_->questions.erase(hook_->questions.begin());  // the stop
  answer(hook_->take(), "third");
  answer(hook_->take(), "fourth");
  EXPECT_LT(third->reply->authorize_publish().epoch(), fourth->reply->authorize_publish().epoch());
}

TEST_P(PublishAuthorizerTest, WithoutAnEndToTellTheOrderIsThatOfArrivalTooAndNothingIsKept) {
  hook_->ends = false;
  for (const Decides decides : {Decides::kHooks, Decides::kStore}) {
    dependencies_.policy.decides = decides;
    const OwnedStream owned = decisions_->ensure_stream("alice", WallTime::from_us(1)).value();
    const std::string key(decides == Decides::kStore ? owned.key.reveal() : "cam");
    const auto early = publish(1, "live", key);
    const auto late = publish(2, "live", key);
    auto early_question = hook_->take();
    answer(hook_->take(), "late");
    EXPECT_TRUE(late->reply->authorize_publish().allowed());
    answer(std::move(early_question), "early");
    EXPECT_EQ(early->reply->error_code(), "auth.superseded")
        << "an encoder is not cut by its own older question";
    access_->ends().publication_over(PublicationId{2}, now_);
    const auto next = publish(3, "live", key);
    answer(hook_->take(), "");
    EXPECT_TRUE(next->reply->authorize_publish().allowed()) << "the later one has gone";
    const auto again = publish(3, "live", key);
    EXPECT_TRUE(again->reply->authorize_publish().allowed());
    EXPECT_TRUE(hook_->questions.empty()) << "asked once";
    EXPECT_TRUE(sessions_->load().value().empty()) << "nobody is owed an end";
    restart();
    EXPECT_TRUE(hook_->questions.empty());
  }
}

TEST_P(PublishAuthorizerTest, ADecisionThatComesTooLateIsAnEndAndNoPublication) {
  const auto pending = publish(1, "chan");
  pending->deadline = 0;
  answer(hook_->take(), "s1");
  EXPECT_TRUE(pending->expired);
  tick(0);
  EXPECT_EQ(stops(), Strings{"s1"});
}

TEST_P(PublishAuthorizerTest, AskingAgainForTheSamePublicationAsksNobodyElse) {
  const auto first = accepted(1, "chan", "s1");
  const auto again = publish(1, "chan");
  EXPECT_TRUE(hook_->questions.empty());
  EXPECT_TRUE(again->reply->authorize_publish().allowed());
  EXPECT_EQ(again->reply->authorize_publish().session_id(), "s1");
}

TEST_P(PublishAuthorizerTest, AnAddressThatIsWrongTooOftenIsRefusedWithoutAsking) {
  std::size_t asked = 0;
  for (std::uint64_t id = 1; id <= 100; ++id) {
    const auto pending = publish(id, "chan", "wrong");
    if (!hook_->questions.empty()) {
      ++asked;
      hook_->take().answer(Verdict{});
      run();
    }
    EXPECT_EQ(pending->reply->authorize_publish().ByteSizeLong(), 0U);
  }
  EXPECT_GE(asked, 20U);
  EXPECT_LE(asked, 40U);
}

INSTANTIATE_TEST_SUITE_P(Over, PublishAuthorizerTest, testing::ValuesIn(store::database_kinds()),
                         store::DatabaseTest::name);

}  // namespace
}  // namespace millrace::auth
