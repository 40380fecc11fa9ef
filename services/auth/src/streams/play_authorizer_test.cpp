// Over a real database, with stand-ins for hooks: who may watch what.
#include "streams/access_control_testing.hpp"

namespace millrace::auth {
namespace {

class PlayAuthorizerTest : public AccessControlTest {};

TEST_P(PlayAuthorizerTest, PlayersNeedThePublishersKeyOrWaitForIt) {
  const auto waiting = play("chan", "key");
  EXPECT_TRUE(waiting->reply->authorize_play().allowed());
  const auto publisher = accepted(1, "chan", "s1");
  EXPECT_EQ(waiting->reply->authorize_play().play_tag(), publisher->reply->authorize_publish().play_tag());
  EXPECT_TRUE(play("chan", "key")->reply->authorize_play().allowed());
  EXPECT_FALSE(play("chan", "other")->reply->authorize_play().allowed());
  EXPECT_NE(play("empty", "other")->reply->authorize_play().play_tag(),
            publisher->reply->authorize_publish().play_tag());
}

// One rule whoever decides: a private stream needs its publisher's key where there is one, or a playback
// token.
TEST_P(PlayAuthorizerTest, APrivateStreamIsClosedToPlayersWhoeverDecidesAboutPublishers) {
  decisions_->take_tokens([](std::string_view token, std::string_view stream_id, std::string_view peer) {
    return token == "good" && stream_id == "cam" && peer == "192.0.2.1";
  });
  const auto asks = [this](const std::string& app, const std::string& name, const std::string& query) {
    bus::v1::Request request;
    auth::v1::AuthorizePlay& ask_play = *request.mutable_authorize_play();
    ask_play.set_app(app);
    ask_play.set_name(name);
    ask_play.set_query(query);
    ask_play.set_peer_address("192.0.2.1");
    return ask(request)->reply->authorize_play();
  };
  bus::v1::Request change;
  change.mutable_set_private()->set_stream_id("cam");
  change.mutable_set_private()->set_is_private(true);

  dependencies_.policy.decides = Decides::kHooks;
  EXPECT_TRUE(asks("live", "cam", "").allowed());
  EXPECT_EQ(asks("live", "cam", "").play_tag(), 0U);
  const auto was_there = asks("live", "cam", "token=good");
  const auto open = publish(1, "live", "cam");
  answer(hook_->take(), "");
  EXPECT_EQ(open->reply->authorize_publish().play_tag(), 0U) << "open to all of them";
  EXPECT_TRUE(ask(change)->reply->stream().is_private());
  ASSERT_EQ(closed_.size(), 1U) << "begins again under the new rule";
  const auto closed = publish(2, "live", "cam");
  answer(hook_->take(), "");
  EXPECT_TRUE(closed->reply->authorize_publish().is_private());
  EXPECT_NE(closed->reply->authorize_publish().play_tag(), 0U) << "who came without a token is sent away";
  EXPECT_EQ(was_there.play_tag(), closed->reply->authorize_publish().play_tag()) << "who had one stays";
  EXPECT_FALSE(asks("live", "cam", "").allowed());
  EXPECT_FALSE(asks("live", "cam", "key=cam").allowed());
  EXPECT_FALSE(asks("live", "cam", "token=bad").allowed());
  EXPECT_FALSE(asks("other", "cam", "token=good").allowed());
  EXPECT_TRUE(asks("live", "cam", "token=good").allowed());
  EXPECT_EQ(asks("live", "cam", "x=1&token=good").play_tag(), was_there.play_tag());
  EXPECT_TRUE(asks("live", "other", "").allowed()) << "another one is as it was";
  dependencies_.policy.private_by_default = true;
  EXPECT_FALSE(asks("live", "another", "").allowed()) << "also one that nobody has published yet";

  dependencies_.policy.decides = Decides::kCallback;
  const auto publisher = accepted(3, "cam", "s1")->reply->authorize_publish();
  EXPECT_TRUE(publisher.is_private());
  EXPECT_EQ(asks("cam", "key", "").play_tag(), publisher.play_tag());
  EXPECT_FALSE(asks("cam", "cam", "").allowed());
  EXPECT_FALSE(asks("cam", "cam", "token=bad").allowed());
  EXPECT_EQ(asks("cam", "cam", "token=good").play_tag(), publisher.play_tag())
      << "a token stands for the key";
}

INSTANTIATE_TEST_SUITE_P(Over, PlayAuthorizerTest, testing::ValuesIn(store::database_kinds()),
                         store::DatabaseTest::name);

}  // namespace
}  // namespace millrace::auth
