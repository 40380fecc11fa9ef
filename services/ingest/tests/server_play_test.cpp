// Players: what they are sent, and what becomes of slow ones.
#include "server_fixture.hpp"

namespace millrace::ingest {
namespace {

TEST_F(ServerTest, PlaysFromTheNewestKeyFrameWithConfigurationsFirst) {
  start();
  auto source = publisher("sk_one");
  send_frames(*source, 0, 60);
  ASSERT_TRUE(announcer_.wait_for_records(60));
  auto player = connect();
  player->play("one");
  const auto is_video = [](const testing::ReceivedMessage& message) {
    return message.header.type == MessageType::kVideo;
  };
  const auto header = player->receive_until(is_video);
  ASSERT_TRUE(header);
  EXPECT_EQ(header->body, testing::avc_header());
  EXPECT_EQ(header->header.timestamp_ms, 50U * 40);
  for (std::uint32_t i = 50; i < 60; ++i) {
    const auto frame = player->next_frame();
    ASSERT_TRUE(frame);
    EXPECT_EQ(frame->body, testing::video_frame(i % 25 == 0, i, 64)) << i;
    EXPECT_EQ(frame->header.timestamp_ms, i * 40);
  }
  send_frames(*source, 60, 5);
  for (std::uint32_t i = 60; i < 65; ++i)
    EXPECT_EQ(player->next_frame()->body, testing::video_frame(false, i, 64));
}

// Sound that went to another configuration and back, and is silent since; then it changes again.
TEST_F(ServerTest, SendsPlayersTheConfigurationThatASilentTrackUsedLast) {
  start();
  auto source = publisher("sk_one");
  const auto sound = [&](std::uint8_t configuration, std::uint32_t timestamp) {
    source->send(MessageType::kAudio, timestamp, testing::aac_header(configuration));
    source->send(MessageType::kAudio, timestamp, testing::audio_frame(timestamp));
  };
  source->send(MessageType::kVideo, 0, testing::video_frame(true, 0, 64));
  sound(0x90, 20);
  sound(0x88, 40);
  sound(0x90, 60);
  source->send(MessageType::kVideo, 80, testing::video_frame(true, 80, 64));
  ASSERT_TRUE(announcer_.wait_for_records(5));
  auto player = connect();
  player->play("one");
  const auto next_media = [&] {
    const auto message = player->receive_until([](const testing::ReceivedMessage& received) {
      return received.header.type == MessageType::kVideo || received.header.type == MessageType::kAudio;
    });
    return message ? message->body : Bytes();
  };
  EXPECT_EQ(next_media(), testing::avc_header());
  EXPECT_EQ(next_media(), testing::aac_header(0x90));
  EXPECT_EQ(next_media(), testing::video_frame(true, 80, 64));
  sound(0x88, 100);
  sound(0x90, 120);
  for (const auto& [configuration, timestamp] :
       {std::pair<std::uint8_t, std::uint32_t>{0x88, 100}, {0x90, 120}}) {
    EXPECT_EQ(next_media(), testing::aac_header(configuration));
    EXPECT_EQ(next_media(), testing::audio_frame(timestamp));
  }
}

TEST_F(ServerTest, BeginsWhereTheUrlSays) {
  start();
  auto source = publisher("sk_one");
  send_frames(*source, 0, 60);
  ASSERT_TRUE(announcer_.wait_for_records(60));
  auto edge = connect();
  edge->play("one?cache=no");
  ASSERT_EQ(edge->next_status(), "NetStream.Play.Reset");
  auto newest = connect();
  newest->play("one?x=y&cache=maybe");
  EXPECT_EQ(newest->next_frame()->header.timestamp_ms, 50U * 40);
  auto everything = connect();
  everything->play("one?cache=clear");
  for (std::uint32_t i = 0; i < 60; ++i) {
    const auto frame = everything->next_frame();
    ASSERT_TRUE(frame);
    EXPECT_EQ(frame->header.timestamp_ms, i * 40);
  }
  send_frames(*source, 60, 20);
  EXPECT_EQ(edge->next_frame()->header.timestamp_ms, 75U * 40);
}

TEST_F(ServerTest, PausesAndGoesOnAtTheNewestKeyFrame) {
  start();
  auto source = publisher("sk_one");
  send_frames(*source, 0, 10);
  ASSERT_TRUE(announcer_.wait_for_records(10));
  auto player = connect();
  player->play("one");
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(player->next_frame());
  player->say("pause", {true, 400.0});
  EXPECT_EQ(player->next_status(), "NetStream.Pause.Notify");
  send_frames(*source, 10, 50);
  ASSERT_TRUE(announcer_.wait_for_records(60));
  player->say("pause", {false, 400.0});
  // Neither sound nor picture came in between.
  const auto begin = player->receive();
  ASSERT_TRUE(begin);
  EXPECT_EQ(begin->header.type, MessageType::kUserControl);
  EXPECT_EQ(player->next_status(), "NetStream.Unpause.Notify");
  const auto header =
      player->receive_until([](const auto& message) { return message.header.type == MessageType::kVideo; });
  ASSERT_TRUE(header);
  EXPECT_EQ(header->body, testing::avc_header());
  for (std::uint32_t i = 50; i < 60; ++i) EXPECT_EQ(player->next_frame()->header.timestamp_ms, i * 40);
}

TEST_F(ServerTest, LeavesOutSoundOrPictureAsThePlayerLikes) {
  start();
  auto source = publisher("sk_one");
  const auto send_both = [&](std::uint32_t first, std::uint32_t count) {
    for (std::uint32_t i = first; i < first + count; ++i) {
      source->send(MessageType::kVideo, i * 40, testing::video_frame(i % 25 == 0, i));
      source->send(MessageType::kAudio, i * 40, testing::audio_frame(i));
    }
    EXPECT_TRUE(announcer_.wait_for_records(2 * (first + count)));
  };
  auto player = connect();
  player->play("one");
  player->say_and_wait("receiveVideo", {false});
  send_both(0, 1);
  EXPECT_EQ(player->next_frame()->header.type, MessageType::kAudio);  // it has begun, at the first key frame
  send_both(1, 29);
  for (int i = 1; i < 30; ++i) EXPECT_EQ(player->next_frame()->header.type, MessageType::kAudio);
  player->say_and_wait("receiveVideo", {true});
  send_both(30, 25);  // picture comes back with its key frame, number 50
  for (int i = 30; i < 50; ++i) EXPECT_EQ(player->next_frame()->header.type, MessageType::kAudio) << i;
  const auto key = player->next_frame();
  ASSERT_TRUE(key);
  EXPECT_EQ(key->body, testing::video_frame(true, 50));
  for (int i = 50; i < 54; ++i) {
    EXPECT_EQ(player->next_frame()->header.type, MessageType::kAudio);
    EXPECT_EQ(player->next_frame()->header.type, MessageType::kVideo);
  }
  EXPECT_EQ(player->next_frame()->header.type, MessageType::kAudio);
  player->say_and_wait("receiveAudio", {false});
  send_both(55, 5);
  for (int i = 0; i < 5; ++i) EXPECT_EQ(player->next_frame()->header.type, MessageType::kVideo);
}

TEST_F(ServerTest, CutsMessagesIntoChunksWhereAsked) {
  config_.chunk_size = 128;
  start();
  auto source = publisher("sk_one");
  auto player = connect(4096);  // so that sending stops and goes on anywhere
  player->play("one");
  ASSERT_EQ(player->next_status(), "NetStream.Play.Reset");
  constexpr std::uint32_t kBegin = 0xFFFFFF - 100 * 40;  // on the way to extended timestamps
  const auto send_one = [&](std::uint32_t i) {
    source->send(MessageType::kVideo, kBegin + i * 40, testing::video_frame(i == 0, i, 200 + i * 100));
  };
  const auto receive_one = [&](std::uint32_t i) {
    const auto frame = player->next_frame();
    ASSERT_TRUE(frame) << i;
    EXPECT_EQ(frame->header.timestamp_ms, kBegin + i * 40);
    EXPECT_EQ(frame->body, testing::video_frame(i == 0, i, 200 + i * 100)) << i;
  };
  send_one(0);
  receive_one(0);  // from here on it is there for every frame
  std::thread sender([&] {
    for (std::uint32_t i = 1; i < 200; ++i) send_one(i);
  });
  for (std::uint32_t i = 1; i < 200; ++i) receive_one(i);
  sender.join();
}

TEST_F(ServerTest, RefusesChunkSizesThatPeersWouldNotTake) {
  for (const std::uint32_t size : {1U, 127U}) {
    config_.chunk_size = size;
    const Result<void> checked = config_.check();
    ASSERT_FALSE(checked);
    EXPECT_NE(checked.error().message.find("RTMP_CHUNK_SIZE"), std::string::npos);
  }
  for (const std::uint32_t size : {0U, 128U, 65'536U}) {
    config_.chunk_size = size;
    EXPECT_TRUE(config_.check());
  }
}

TEST_F(ServerTest, StopsAPlayOnThePlayersWordAndTakesAnother) {
  start();
  auto source = publisher("sk_one");
  send_frames(*source, 0, 5);
  auto player = connect();
  player->play("one");
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(player->next_frame());
  player->say("closeStream", {});
  EXPECT_EQ(player->next_status(), "NetStream.Play.Stop");
  player->say("play", {"one", 0.0});
  EXPECT_EQ(player->next_status(), "NetStream.Play.Reset");
  for (std::uint32_t i = 0; i < 5; ++i) EXPECT_EQ(player->next_frame()->header.timestamp_ms, i * 40);
}

TEST_F(ServerTest, SendsAChangedConfigurationBeforeItsFirstFrame) {
  start();
  auto source = publisher("sk_one");
  auto player = connect();
  player->play("one");
  send_frames(*source, 0, 1);
  ASSERT_TRUE(player->next_frame());
  source->send(MessageType::kVideo, 40, testing::avc_header(0x21));
  source->send(MessageType::kVideo, 40, testing::video_frame(true, 1));
  const auto header = player->receive();
  ASSERT_TRUE(header);
  EXPECT_EQ(header->body, testing::avc_header(0x21));
  EXPECT_EQ(player->next_frame()->body, testing::video_frame(true, 1));
}

TEST_F(ServerTest, LetsPlayersWaitForThePublisherAndItsReturn) {
  start();
  std::vector<std::unique_ptr<RtmpClient>> players;
  for (int i = 0; i < 4; ++i) {  // on both threads
    players.push_back(connect());
    players.back()->play("one");
    ASSERT_EQ(players.back()->next_status(), "NetStream.Play.Reset");
    ASSERT_EQ(players.back()->next_status(), "NetStream.Play.Start");
  }
  for (std::uint32_t round = 0; round < 2; ++round) {
    auto source = publisher("sk_one");
    if (round == 1) {
      for (auto& player : players) EXPECT_EQ(player->next_status(), "NetStream.Play.Start");
    }
    send_frames(*source, 0, 3);
    for (auto& player : players) {
      for (std::uint32_t i = 0; i < 3; ++i) {
        const auto frame = player->next_frame();
        ASSERT_TRUE(frame);
        EXPECT_EQ(frame->body, testing::video_frame(i == 0, i, 64));
      }
    }
    source->close();
    for (auto& player : players) EXPECT_EQ(player->next_status(), "NetStream.Play.UnpublishNotify");
  }
}

TEST_F(ServerTest, DisconnectsASlowPlayerAndDelaysNobody) {
  start();
  auto source = publisher("sk_one");
  auto slow = connect(4096);
  slow->play("one");
  ASSERT_EQ(slow->next_status(), "NetStream.Play.Reset");
  auto good = connect();
  good->play("one");
  // It has its place in the log before more is sent: a player that comes late begins with a later key frame.
  send_frames(*source, 0, 1, 4000);
  ASSERT_TRUE(good->next_frame());
  // 40 s of stream time in as little time as the good player takes; what the slow one has not taken stays in
  // the log.
  std::thread receiver([&] {
    for (std::uint32_t i = 1; i < 1000; ++i) {
      const auto frame = good->next_frame();
      ASSERT_TRUE(frame);
      ASSERT_EQ(frame->header.timestamp_ms, i * 40);
    }
  });
  send_frames(*source, 1, 999, 4000);
  receiver.join();
  // It reads nothing: after ten seconds it is sent away.
  std::this_thread::sleep_for(1s);
  EXPECT_EQ(server_->counters().players.load(), 2U);
  for (int i = 0; i < 200 && server_->counters().players.load() > 1; ++i) {
    send_frames(*source, 1000 + i, 1, 4000);
    std::this_thread::sleep_for(100ms);
  }
  EXPECT_EQ(server_->counters().players.load(), 1U);
  EXPECT_EQ(server_->counters().players_too_slow.load(), 1U);
}

// The log takes a message back while a player has half of it: what the kernel still holds for it may be
// another stream's by now. A reset drops that; the player does not take the rest for the end of a good
// message.
TEST_F(ServerTest, ResetsAPlayerWhoseMessageIsTakenBack) {
  constexpr std::size_t kLarge = 9U << 20;  // more than both sockets hold
  start();
  auto source = publisher("sk_one");
  auto player = connect(4096);
  player->play("one");
  send_frames(*source, 0, 1);
  ASSERT_TRUE(player->next_frame());
  source->send(MessageType::kVideo, 40, testing::video_frame(false, 1, kLarge));
  const auto& sent = server_->counters().sent_bytes;
  for (int i = 0; i < 500 && sent.load() < 4096; ++i) std::this_thread::sleep_for(10ms);
  ASSERT_GT(sent.load(), 4096U);
  // The first chunk of another message, so that the large one's blocks are done with.
  Bytes next = {7, 0, 0, 80, 0x10, 0, 0, static_cast<std::uint8_t>(MessageType::kVideo), 1, 0, 0, 0};
  next.resize(next.size() + RtmpClient::kChunkSize);
  source->send_bytes(next);
  source->say_and_wait("FCPublish", {std::string("sk_one")});
  arena_->maintain(monotonic_us() + 3'600'000'000);
  EXPECT_TRUE(player->reset_by_server());
  for (int i = 0; i < 500 && server_->counters().players.load() > 0; ++i) std::this_thread::sleep_for(10ms);
  EXPECT_EQ(server_->counters().players.load(), 0U);
}

}  // namespace
}  // namespace millrace::ingest
