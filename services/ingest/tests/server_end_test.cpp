// How connections end: deadlines, garbage, drains, tracks that cannot be taken.
#include "server_fixture.hpp"

namespace millrace::ingest {
namespace {

TEST_F(ServerTest, ClosesThoseWhoDoNotComeToThePoint) {
  config_.handshake = 1s;
  start();
  auto silent = connect();
  auto shaken = connect();
  shaken->handshake();
  shaken->connect();
  EXPECT_TRUE(silent->closed_by_server());
  EXPECT_TRUE(shaken->closed_by_server());
  EXPECT_EQ(server_->counters().timeouts.load(), 2U);
}

TEST_F(ServerTest, ClosesAPublisherThatIsSilent) {
  config_.read_timeout = 1s;
  start();
  auto client = publisher("sk_one");
  send_frames(*client, 0, 1);
  EXPECT_TRUE(client->closed_by_server());
  EXPECT_TRUE(announcer_.wait_for("ended one 1 3"));
}

// A publisher that sends everything but media is as silent as one that sends nothing.
TEST_F(ServerTest, ClosesAPublisherThatSendsNoMedia) {
  config_.first_media = 1s;
  start();
  for (const bool talks : {false, true}) {
    auto client = connect();
    client->publish("sk_one");
    EXPECT_EQ(client->next_status(), "NetStream.Publish.Start");
    const auto deadline = std::chrono::steady_clock::now() + RtmpClient::kPatience;
    std::string code;
    std::thread reading([&] { code = client->next_status(); });
    while (talks && server_->counters().timeouts.load() < 2 && std::chrono::steady_clock::now() < deadline) {
      client->send(MessageType::kAcknowledgement, 0, {0, 0, 0, 1}, 0);
      std::this_thread::sleep_for(50ms);
    }
    reading.join();
    EXPECT_EQ(code, "NetStream.Publish.Failed");
    EXPECT_TRUE(client->closed_by_server());
  }
}

TEST_F(ServerTest, PingsPlayersAndClosesTheSilent) {
  config_.ping = 1s;
  start();
  auto player = connect();
  player->play("one");
  const auto ping = player->receive_until([](const testing::ReceivedMessage& message) {
    return message.header.type == MessageType::kUserControl && ByteReader(message.body).u16() == 6;
  });
  EXPECT_TRUE(ping);
  EXPECT_TRUE(player->closed_by_server());
}

TEST_F(ServerTest, ClosesHttpAndGarbage) {
  start();
  for (const std::string_view bytes : {"GET / HTTP/1.1\r\n\r\n", "\x06 what is this", "\x50OST"}) {
    auto client = connect();
    client->send_bytes(as_bytes(bytes));
    EXPECT_TRUE(client->closed_by_server()) << bytes;
  }
  EXPECT_GE(server_->counters().protocol_errors.load(), 3U);
}

TEST_F(ServerTest, ClosesAPlayerThatSendsWhatNobodyAskedFor) {
  start();
  auto player = connect();
  player->play("one");
  ASSERT_EQ(player->next_status(), "NetStream.Play.Reset");
  for (int i = 0; i < 64; ++i) player->send(MessageType::kVideo, 0, testing::video_frame(true, 0, 16'000));
  EXPECT_TRUE(player->closed_by_server());
}

TEST_F(ServerTest, HoldsConnectionsToTheirNumber) {
  config_.max_connections = 4;
  start();
  std::vector<std::unique_ptr<RtmpClient>> clients;
  for (int i = 0; i < 4; ++i) {
    clients.push_back(connect());
    clients.back()->handshake();
  }
  EXPECT_TRUE(connect()->closed_by_server());
  EXPECT_EQ(server_->counters().over_limit.load(), 1U);
}

TEST_F(ServerTest, DrainsWithAWordToEverybody) {
  start();
  auto source = publisher("sk_one");
  send_frames(*source, 0, 5);
  auto player = connect();
  player->play("one");
  ASSERT_TRUE(player->next_frame());
  std::thread drain([this] { server_->drain(std::chrono::steady_clock::now() + 10s); });
  EXPECT_EQ(source->next_status(), "NetStream.Unpublish.Success");
  std::string status;
  for (std::string next = player->next_status(); !next.empty(); next = player->next_status()) status = next;
  EXPECT_TRUE(status == "NetStream.Play.Stop" || status == "NetStream.Play.UnpublishNotify") << status;
  source->close();
  player->close();
  drain.join();
  EXPECT_TRUE(announcer_.wait_for("ended one 1 6"));
  EXPECT_EQ(server_->counters().connections.load(), 0U);
  EXPECT_EQ(reader_->logs()[0].end, media::LogEnd::kDrained);
}

TEST_F(ServerTest, AsksClientsToReconnectThatKnowHowBeforeItDrains) {
  start();
  auto able = connect();
  able->announced = {{"capsEx", 1.0}};
  able->publish("sk_one");
  ASSERT_EQ(able->next_status(), "NetStream.Publish.Start");
  able->send(MessageType::kVideo, 0, testing::avc_header());
  send_frames(*able, 0, 5);
  ASSERT_TRUE(announcer_.wait_for("published one 1 1"));
  auto legacy = publisher("sk_two");
  std::thread drain([this] { server_->drain(std::chrono::steady_clock::now() + 10s); });
  EXPECT_EQ(able->next_status(), "NetConnection.Connect.ReconnectRequest");
  send_frames(*able, 5, 20);  // it goes on until it leaves
  EXPECT_TRUE(announcer_.wait_for_records(25));
  able->close();
  EXPECT_TRUE(announcer_.wait_for("ended one 1 2"));
  EXPECT_EQ(legacy->next_status(), "NetStream.Unpublish.Success");
  legacy->close();
  drain.join();
}

TEST_F(ServerTest, TellsAPublisherOfOneTrackItCantTake) {
  start();
  auto source = publisher("sk_one");
  source->send(MessageType::kVideo, 0, {0x96, 0x00, 'v', 'p', '0', '8', 1, 0});
  EXPECT_EQ(source->next_status(), "NetStream.Publish.TrackRefused");
  send_frames(*source, 0, 25);
  EXPECT_TRUE(announcer_.wait_for_records(25));
}

TEST_F(ServerTest, SendsAPlayerAwayThatCanTakeNothing) {
  start();
  auto source = connect();
  source->publish("sk_one");
  ASSERT_EQ(source->next_status(), "NetStream.Publish.Start");
  const testing::CodecSample hevc = testing::codec_sample(media::Codec::kH265);
  source->send(MessageType::kVideo, 0, testing::start_of(hevc));
  source->send(MessageType::kVideo, 0, testing::frame_of(hevc));
  ASSERT_TRUE(announcer_.wait_for_records(1));
  auto able = connect();
  able->announced = {{"fourCcList", rtmp::amf0::StrictArray{{"hvc1"}}}};
  able->play("one");
  const auto frame = able->next_frame();
  ASSERT_TRUE(frame);
  auto legacy = connect();
  legacy->play("one");
  std::string status;
  for (std::string next = legacy->next_status(); !next.empty(); next = legacy->next_status()) status = next;
  EXPECT_EQ(status, "NetStream.Play.NoSupportedTrackFound");
}

TEST_F(ServerTest, TellsAPlayerThatGetsTheSoundAlone) {
  start();
  auto source = connect();
  source->publish("sk_one");
  ASSERT_EQ(source->next_status(), "NetStream.Publish.Start");
  const testing::CodecSample hevc = testing::codec_sample(media::Codec::kH265);
  source->send(MessageType::kVideo, 0, testing::start_of(hevc));
  source->send(MessageType::kAudio, 0, testing::aac_header());
  source->send(MessageType::kVideo, 0, testing::frame_of(hevc));
  ASSERT_TRUE(announcer_.wait_for_records(1));
  std::atomic<bool> told{false};
  std::thread sound([&] {  // until the player has heard of it
    for (std::uint32_t time = 20; !told && time < 60'000; time += 20) {
      source->send(MessageType::kAudio, time, testing::audio_frame(time / 20));
      std::this_thread::sleep_for(20ms);
    }
  });
  auto legacy = connect();
  legacy->play("one");
  std::string status;
  while (status != "NetStream.Play.TrackRefused" && !(status = legacy->next_status()).empty()) {
  }
  told = true;
  sound.join();
  EXPECT_EQ(status, "NetStream.Play.TrackRefused");
  EXPECT_TRUE(legacy->next_frame()) << "and it goes on";
}

TEST_F(ServerTest, EndsAPublicationOnCommand) {
  start();
  auto source = publisher("sk_one");
  send_frames(*source, 0, 5);
  ASSERT_TRUE(announcer_.wait_for("published one 1 2"));
  EXPECT_TRUE(streams_.close("one", {}, media::LogEnd::kRevoked));
  EXPECT_EQ(source->next_status(), "NetStream.Publish.Denied");
  EXPECT_TRUE(announcer_.wait_for("ended one 1 9"));
}

}  // namespace
}  // namespace millrace::ingest
