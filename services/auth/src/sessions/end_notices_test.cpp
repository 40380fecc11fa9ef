// Over a real database, with stand-ins for hooks: which ends hooks are notified of, and how long.
#include "streams/access_control_testing.hpp"

namespace millrace::auth {
namespace {

class EndNoticesTest : public AccessControlTest {};

TEST_P(EndNoticesTest, TheEndOfALivePublicationIsReportedUntilAcknowledged) {
  accepted(1, "chan", "s1");
  access_->publications().published(live(1, "chan", 1), now_);
  access_->ends().publication_over(PublicationId{1}, now_);
  ASSERT_EQ(stops(), Strings{"s1"});
  hook_->take().answer(fail("http.unreachable", "refused"));
  run();
  tick(5 * kSecond);
  ASSERT_EQ(stops(), Strings{"s1"});
  answer(hook_->take(), "");
  tick(200 * kSecond);
  EXPECT_TRUE(stops().empty());
  restart();
  tick(0);
  EXPECT_TRUE(stops().empty()) << "told and forgotten";
}

TEST_P(EndNoticesTest, AnEndThatWasNotAcknowledgedOutlivesARestart) {
  accepted(1, "chan", "s1");
  access_->ends().publication_over(PublicationId{1}, now_);
  restart();
  tick(0);
  ASSERT_EQ(stops(), Strings{"s1"});
  EXPECT_EQ(hook_->questions.front().request.name, "key") << "the details came back";
}

TEST_P(EndNoticesTest, HooksHearOfThePlayersThatTheyLetIn) {
  hook_->plays = true;
  accepted(1, "chan", "s1");
  const auto player = play("chan", "key");
  EXPECT_FALSE(player->reply);
  answer(hook_->take(), "");
  EXPECT_TRUE(player->reply->authorize_play().report_end());
  access_->ends().play_over(77, now_);
  access_->ends().play_over(77, now_);
  ASSERT_EQ(hook_->questions.size(), 1U);
  EXPECT_EQ(hook_->questions.front().occasion, Occasion::kStop);
  answer(hook_->take(), "");
  access_->ends().play_over(77, now_);
  EXPECT_TRUE(hook_->questions.empty());
}

INSTANTIATE_TEST_SUITE_P(Over, EndNoticesTest, testing::ValuesIn(store::database_kinds()),
                         store::DatabaseTest::name);

}  // namespace
}  // namespace millrace::auth
