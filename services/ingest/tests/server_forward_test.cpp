// Forwards, to this server and to scripted ones.
#include "server_fixture.hpp"

namespace millrace::ingest {
namespace {

// From stream "one" to stream "two" of the same server.
TEST_F(ServerTest, ForwardsByCommandUntilToldToStop) {
  config_.forward_allow = "127.0.0.1";
  start();
  auto source = publisher("sk_one");
  send_frames(*source, 0, 60);
  ASSERT_TRUE(announcer_.wait_for_records(60));
  const std::string url = "rtmp://127.0.0.1:" + std::to_string(server_->port()) + "/live/sk_two";
  ASSERT_TRUE(server_->forwards().start("f1", "one", url));
  ASSERT_TRUE(announcer_.wait_for("published two 2 2"));
  auto player = connect();
  player->play("two");
  for (std::uint32_t i = 50; i < 60; ++i) {
    const auto frame = player->next_frame();
    ASSERT_TRUE(frame);
    EXPECT_EQ(frame->body, testing::video_frame(i % 25 == 0, i, 64));
    EXPECT_EQ(frame->header.timestamp_ms, i * 40);
  }
  send_frames(*source, 60, 1);
  const auto fresh = player->next_frame();
  ASSERT_TRUE(fresh);
  EXPECT_EQ(fresh->body, testing::video_frame(false, 60, 64));
  ASSERT_EQ(server_->forwards().running().size(), 1U);
  EXPECT_EQ(server_->forwards().running()[0]->state.load(), ForwardState::kSending);
  ASSERT_TRUE(server_->forwards().stop("f1"));
  EXPECT_TRUE(announcer_.wait_for("ended two 2 1")) << "unpublished in good order";
}

TEST_F(ServerTest, ForwardsWhatTheDecisionSays) {
  config_.forward_allow = "127.0.0.1";
  start();
  authority_.forward_urls = {"rtmp://127.0.0.1:" + std::to_string(server_->port()) + "/live/sk_two",
                             "rtmp://192.168.7.7/live/sk_three"};
  auto source = publisher("sk_one");
  send_frames(*source, 0, 3);
  ASSERT_TRUE(announcer_.wait_for("published two 2 2"));
  source->close();
  EXPECT_TRUE(announcer_.wait_for("ended one 1 2"));
}

TEST_F(ServerTest, EndsForwardsWhenItDrains) {
  config_.forward_allow = "127.0.0.1";
  start();
  ASSERT_TRUE(server_->forwards().start(
      "f1", "one", "rtmp://127.0.0.1:" + std::to_string(server_->port()) + "/live/sk_two"));
  auto source = publisher("sk_one");
  send_frames(*source, 0, 3);
  ASSERT_TRUE(announcer_.wait_for("published two 2 2"));
  server_->drain(std::chrono::steady_clock::now() + 5s);
  EXPECT_TRUE(server_->forwards().running().empty());
}

// A name that leads to an address which nobody allowed is refused when it is known, not before (DNS
// rebinding).
TEST_F(ServerTest, ForwardsNowhereButToAllowedAddresses) {
  config_.forward_allow = "10.0.0.0/8";
  start();
  ASSERT_TRUE(server_->forwards().start(
      "f1", "one", "rtmp://localhost:" + std::to_string(server_->port()) + "/live/sk_two"));
  auto source = publisher("sk_one");
  send_frames(*source, 0, 3);
  const auto deadline = std::chrono::steady_clock::now() + RtmpClient::kPatience;
  ForwardReason reason = ForwardReason::kNone;
  while (reason == ForwardReason::kNone && std::chrono::steady_clock::now() < deadline) {
    const auto running = server_->forwards().running();
    if (!running.empty()) reason = running[0]->reason.load();
    std::this_thread::sleep_for(5ms);
  }
  EXPECT_EQ(reason, ForwardReason::kNotAllowed);
  EXPECT_EQ(server_->counters().connections_total.load(), 1U) << "nothing was connected to";
}

// What servers answer to a forward, in the words of rtmp/client_testing.hpp.
class ForwardAnswers : public ServerTest {
 protected:
  static Bytes rejected(std::initializer_list<rtmp::amf0::Property> information) {
    using namespace rtmp::testing;
    return server_handshake() + command("_error", 1, {rtmp::amf0::Null{}, object(information)});
  }
  // Stream "one" is live and forwarded to the server.
  void forward_to(const testing::ScriptedServer& server) {
    config_.forward_allow = "127.0.0.1";
    start();
    ASSERT_TRUE(server_->forwards().start(
        "f1", "one", "rtmp://joe:pass@127.0.0.1:" + std::to_string(server.port()) + "/live/thekey"));
    source_ = publisher("sk_one");
    send_frames(*source_, 0, 3);
  }
  static bool wait_for(const std::function<bool()>& probe) {
    const auto deadline = std::chrono::steady_clock::now() + RtmpClient::kPatience;
    while (!probe() && std::chrono::steady_clock::now() < deadline) std::this_thread::sleep_for(5ms);
    return probe();
  }
  bool wait_for_state(ForwardState state, ForwardReason reason) {
    return wait_for([&] {
      const auto running = server_->forwards().running();
      return !running.empty() && running[0]->state == state && running[0]->reason == reason;
    });
  }

  static inline const Bytes accepted_ = rtmp::testing::server_script(rtmp::ClientUse::kPublish, 7);
  std::unique_ptr<RtmpClient> source_;
};

TEST_F(ForwardAnswers, AChallengeIsMetOnTheNextConnection) {
  const testing::ScriptedServer server(
      {rejected({{"description", "[ code=403 need auth; authmod=adobe ]"}}),
       rejected({{"description", "[ authmod=adobe ] : ?reason=needauth&user=joe&salt=s&challenge=c"}}),
       accepted_});
  forward_to(server);
  ASSERT_TRUE(wait_for_state(ForwardState::kSending, ForwardReason::kNone));
  EXPECT_EQ(server.connections(), 3U);
  EXPECT_NE(server.received(2).find("live?authmod=adobe&user=joe"), std::string::npos);
  EXPECT_NE(server.received(2).find("&response="), std::string::npos);
  EXPECT_EQ(server.received(2).find("pass"), std::string::npos);
}

TEST_F(ForwardAnswers, AServerThatChallengesForEverIsBackedOffFrom) {
  std::vector<Bytes> scripts;
  for (int i = 0; i < 20; ++i) {
    scripts.push_back(rejected({{"description", "[ authmod=adobe ] : ?reason=needauth&user=joe&salt=s" +
                                                    std::to_string(i) + "&challenge=c"}}));
  }
  const testing::ScriptedServer server(std::move(scripts));
  forward_to(server);
  ASSERT_TRUE(wait_for_state(ForwardState::kWaiting, ForwardReason::kRefused));
  EXPECT_EQ(server.connections(), 1U + Forward::kMaxChallenges);
}

TEST_F(ForwardAnswers, ARedirectIsFollowedWithTheSameName) {
  const testing::ScriptedServer other({accepted_});
  const testing::ScriptedServer server({rejected(
      {{"ex", rtmp::testing::object(
                  {{"code", 302.0},
                   {"redirect", "rtmp://127.0.0.1:" + std::to_string(other.port()) + "/elsewhere"}})}})});
  forward_to(server);
  ASSERT_TRUE(wait_for_state(ForwardState::kSending, ForwardReason::kNone));
  EXPECT_TRUE(wait_for([&] { return other.received(0).find("thekey") != std::string::npos; }));
  EXPECT_NE(other.received(0).find("elsewhere"), std::string::npos);
}

TEST_F(ForwardAnswers, ARedirectLeadsNowhereThatIsNotAllowed) {
  const testing::ScriptedServer server(
      {rejected({{"ex", rtmp::testing::object({{"redirect", "rtmp://169.254.169.254/live"}})}})});
  forward_to(server);
  EXPECT_TRUE(wait_for_state(ForwardState::kWaiting, ForwardReason::kNotAllowed));
}

TEST_F(ForwardAnswers, ARedirectThatIsNoUrlIsAFailure) {
  const testing::ScriptedServer server(
      {rejected({{"ex", rtmp::testing::object({{"redirect", "rtmp://not a host/live"}})}})});
  forward_to(server);
  EXPECT_TRUE(wait_for_state(ForwardState::kWaiting, ForwardReason::kRedirects));
}

TEST_F(ForwardAnswers, AWishToReconnectIsFulfilled) {
  const Bytes asks =
      accepted_ +
      rtmp::testing::command(
          "onStatus", 0,
          {rtmp::amf0::Null{},
           rtmp::testing::object({{"level", "status"}, {"code", "NetConnection.Connect.ReconnectRequest"}})});
  const testing::ScriptedServer server({asks, accepted_});
  forward_to(server);
  EXPECT_TRUE(wait_for([&] { return server.connections() == 2; }));
  EXPECT_TRUE(wait_for_state(ForwardState::kSending, ForwardReason::kNone));
}

TEST_F(ForwardAnswers, AServerThatIsNoneIsTriedAgain) {
  const testing::ScriptedServer server({Bytes{'H', 'T', 'T', 'P'}, accepted_});
  forward_to(server);
  EXPECT_TRUE(wait_for_state(ForwardState::kSending, ForwardReason::kNone));
  EXPECT_EQ(server.connections(), 2U);
}

TEST_F(ForwardAnswers, MediaGoesToTheStreamThatTheServerGave) {
  const testing::ScriptedServer server({accepted_});
  forward_to(server);
  // Type 0 header of a video message on message stream 7.
  const std::string header("\x09\x07\x00\x00\x00", 5);
  EXPECT_TRUE(wait_for([&] { return server.received(0).find(header) != std::string::npos; }));
  source_->close();
}

}  // namespace
}  // namespace millrace::ingest
