// Publishers: what is written of them, who gets a stream, who is refused.
#include "server_fixture.hpp"

namespace millrace::ingest {
namespace {

TEST_F(ServerTest, WritesWhatIsPublishedAndAnnouncesIt) {
  start();
  auto client = publisher("sk_one");
  send_frames(*client, 0, 100);
  ASSERT_TRUE(announcer_.wait_for("published one 1 2"));
  ASSERT_TRUE(announcer_.wait_for_records(100));
  EXPECT_FALSE(announcer_.gap());
  client->close();
  EXPECT_TRUE(announcer_.wait_for("ended one 1 2"));
  const std::vector<media::LogInfo> logs = reader_->logs();
  ASSERT_EQ(logs.size(), 1U);
  EXPECT_EQ(logs[0].committed, 100U);
  EXPECT_EQ(logs[0].end, media::LogEnd::kDisconnected);
}

// nginx-rtmp's push and several hardware encoders do not wait for the answer.
TEST_F(ServerTest, KeepsTheMediaThatCameWithThePublish) {
  start();
  authority_.hold = true;
  auto client = connect();
  client->handshake();
  client->connect();
  client->create_stream();
  client->in_one_segment([&] {
    client->say("publish", {"sk_one", "live"});
    client->send(MessageType::kVideo, 0, testing::avc_header());
    client->send(MessageType::kAudio, 0, testing::aac_header());
    send_frames(*client, 0, 10);
  });
  while (authority_.held() == 0) std::this_thread::sleep_for(1ms);
  send_frames(*client, 10, 10);  // this one waits in the socket
  authority_.release();
  EXPECT_EQ(client->next_status(), "NetStream.Publish.Start");
  ASSERT_TRUE(announcer_.wait_for_records(20));
  ASSERT_TRUE(announcer_.wait_for("published one 1 2"));
  client->close();
  ASSERT_TRUE(announcer_.wait_for("ended one 1 2"));
  EXPECT_EQ(reader_->logs().at(0).committed, 20U);
}

TEST_F(ServerTest, TellsAPublisherWhoseMediaIsThrownAway) {
  start();
  auto client = publisher("sk_one");
  client->send(MessageType::kVideo, 0, testing::video_frame(true, 0, 64), 5);
  EXPECT_EQ(client->next_status(), "NetStream.Publish.MediaDropped");
  client->send(MessageType::kVideo, 0, testing::video_frame(true, 0, 64), 0);  // as that of the only publish
  EXPECT_TRUE(announcer_.wait_for_records(1));
}

TEST_F(ServerTest, ClosesAtOnceForEveryBadName) {
  start();
  for (const char* name : {"", "/", "?token=a", "a b", "../x"}) {
    auto publishing = connect();
    publishing->publish(name);
    EXPECT_EQ(publishing->next_status(), "NetStream.Publish.BadName") << name;
    EXPECT_TRUE(publishing->closed_by_server()) << name;
  }
  auto playing = connect();
  playing->play("");
  EXPECT_EQ(playing->next_status(), "NetStream.Play.StreamNotFound");
  EXPECT_TRUE(playing->closed_by_server());
}

// What the connection said while its actor was dead.
TEST_F(ServerTest, FreesTheStreamOfAPublisherThatLeftWhileItsActorWasDown) {
  start();
  auto first = publisher("sk_one");
  send_frames(*first, 0, 3);
  ASSERT_TRUE(announcer_.wait_for("published one 1 2"));
  caf::anon_send_exit(newest_ticket()->actor(), caf::exit_reason::kill);
  first->close();
  auto second = publisher("sk_one");
  send_frames(*second, 0, 3);
  EXPECT_TRUE(announcer_.wait_for("published one 2 2"));
  const auto events = announcer_.events();
  const auto end = std::find_if(events.begin(), events.end(),
                                [](const std::string& event) { return event.starts_with("ended one 1 "); });
  EXPECT_LT(end, std::find(events.begin(), events.end(), "published one 2 2"));
}

TEST_F(ServerTest, GivesTheStreamToTheNewerPublisher) {
  start();
  auto first = publisher("sk_one");
  send_frames(*first, 0, 10);
  ASSERT_TRUE(announcer_.wait_for("published one 1 2"));
  auto second = publisher("sk_one");
  send_frames(*second, 0, 10);
  EXPECT_EQ(first->next_status(), "NetStream.Publish.Rejected");
  EXPECT_TRUE(first->closed_by_server());
  ASSERT_TRUE(announcer_.wait_for("published one 2 2"));
  EXPECT_EQ(announcer_.events(),
            (std::vector<std::string>{"published one 1 2", "ended one 1 4", "published one 2 2"}));
  const std::vector<media::LogInfo> logs = reader_->logs();
  ASSERT_EQ(logs.size(), 2U);
  EXPECT_EQ(logs[0].end, media::LogEnd::kTakenOver);
  auto old_log = reader_->open_log(logs[0].slot, logs[0].publication_id, 0);
  auto new_log = reader_->open_log(logs[1].slot, logs[1].publication_id, 0);
  ASSERT_TRUE(old_log && new_log);
  const auto last = old_log->at(logs[0].committed - 1);
  const auto begin = new_log->at(0);
  ASSERT_TRUE(last && begin);
  EXPECT_EQ(begin->record.media_sequence, last->record.media_sequence + 1);
  EXPECT_EQ(begin->record.discontinuity_sequence, last->record.discontinuity_sequence + 1);
}

// Ten encoders with one key at the same time: all but one get a status, and one log is live.
TEST_F(ServerTest, HasOneWinnerAmongManyPublishersOfOneKey) {
  constexpr std::size_t kPublishers = 10;
  start();
  for (int round = 0; round < 3; ++round) {
    std::vector<std::unique_ptr<RtmpClient>> clients;
    for (std::size_t i = 0; i < kPublishers; ++i) clients.push_back(connect());
    std::atomic<std::size_t> rejected{0};
    std::atomic<int> holding{0};  // got the status that they publish, and nothing else since
    std::vector<std::string> last(kPublishers);
    std::vector<std::thread> threads;
    for (std::size_t i = 0; i < kPublishers; ++i) {
      threads.emplace_back([&, i] {
        clients[i]->publish("sk_one");
        for (std::string code = clients[i]->next_status(); !code.empty(); code = clients[i]->next_status()) {
          if (code == "NetStream.Publish.Start") ++holding;
          if (last[i] == "NetStream.Publish.Start") --holding;
          last[i] = code;
        }
        if (last[i] == "NetStream.Publish.Rejected") ++rejected;
      });
    }
    const auto deadline = std::chrono::steady_clock::now() + RtmpClient::kPatience;
    while ((rejected < kPublishers - 1 || holding < 1) && std::chrono::steady_clock::now() < deadline) {
      std::this_thread::sleep_for(5ms);
    }
    EXPECT_EQ(rejected, kPublishers - 1);
    const auto logs = reader_->logs();
    EXPECT_EQ(std::count_if(logs.begin(), logs.end(),
                            [](const auto& log) { return log.end == media::LogEnd::kLive; }),
              1);
    for (const auto& client : clients) ::shutdown(client->fd(), SHUT_RDWR);
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(std::count(last.begin(), last.end(), "NetStream.Publish.Start"), 1);
  }
}

// Auth's database was lost: its epochs begin again, while older logs of the stream are still there.
TEST_F(ServerTest, KeepsTheOrderOfLogsWhenEpochsBeginAnew) {
  authority_.epoch_of = {{"", Epoch{100}}};
  start();
  auto first = publisher("sk_one");
  send_frames(*first, 0, 10);
  ASSERT_TRUE(announcer_.wait_for_records(10));
  first->close();
  ASSERT_TRUE(announcer_.wait_for("ended one 100 2"));
  authority_.epoch_of = {{"", Epoch{1}}};
  auto second = publisher("sk_one");
  send_frames(*second, 0, 10);
  ASSERT_TRUE(announcer_.wait_for("published one 1 2"));
  const std::vector<media::LogInfo> logs = reader_->logs();
  ASSERT_EQ(logs.size(), 2U);
  EXPECT_EQ(logs[0].epoch, Epoch{100});
  EXPECT_EQ(logs[1].epoch, Epoch{101});
  EXPECT_EQ(logs[1].end, media::LogEnd::kLive);
}

// A rendition of the stream stands in the same arena, with a higher epoch and numbers far ahead.
TEST_F(ServerTest, PlaysAndContinuesTheSourceWhateverStandsBesideIt) {
  media::LogDescription description;
  description.stream_id = "one";
  description.role = media::LogRole::kRendition;
  description.rendition = "360p";
  description.publication_id = PublicationId{0xC3};
  description.origin_publication_id = PublicationId{0xA1};
  description.epoch = Epoch{1000};
  auto rendition = std::move(*arena_->create_log(description));
  const auto room = rendition->reserve(8);
  ASSERT_TRUE(room);
  media::SampleRecord record{};
  record.media_sequence = 1ULL << 50;
  record.flags = media::kSampleKey;
  (void)rendition->commit(*room, room->prefix_room, 0, record);
  start();
  auto source = publisher("sk_one");
  send_frames(*source, 0, 10);
  ASSERT_TRUE(announcer_.wait_for("published one 1 2"));
  auto player = connect();
  player->play("one");
  for (std::uint32_t i = 0; i < 10; ++i)
    EXPECT_EQ(player->next_frame()->body, testing::video_frame(i == 0, i, 64));
  const std::vector<media::LogInfo> sources = reader_->logs(media::LogRole::kSource);
  ASSERT_EQ(sources.size(), 1U);
  EXPECT_EQ(sources[0].epoch, Epoch{1});
  EXPECT_EQ(sources[0].origin_publication_id, sources[0].publication_id);
  EXPECT_LT(arena_->continuation({"one"}).last_media_sequence, 1ULL << 50);
  EXPECT_EQ(reader_->logs(media::LogRole::kRendition).at(0).end, media::LogEnd::kLive);
}

TEST_F(ServerTest, RefusesWhoMayNotPublish) {
  start();
  auto client = connect();
  client->publish("wrong");
  EXPECT_EQ(client->next_status(), "NetStream.Publish.Denied");
  EXPECT_TRUE(client->closed_by_server());
  auto player = connect();
  player->play("unknown");
  EXPECT_EQ(player->next_status(), "NetStream.Play.StreamNotFound");
  EXPECT_TRUE(player->closed_by_server());
}

TEST_F(ServerTest, RefusesNamesThatAreNotValidBeforeAnybodyIsAsked) {
  config_.handshake = 1s;  // a nameless publish is answered and waits for a better one
  start();
  for (const char* name : {"../../tmp/x", "%2e%2e", "a/b", "", "sk_\xF0\x9F\x98\x80"}) {
    auto client = connect();
    client->publish(name);
    const std::string status = client->next_status();
    EXPECT_TRUE(status == "NetStream.Publish.BadName" || status.empty()) << name << ": " << status;
    EXPECT_TRUE(client->closed_by_server());
  }
}

TEST_F(ServerTest, RefusesWithAStatusWhenNobodyCanDecide) {
  authority_.silent = true;
  start();
  auto client = connect();
  client->publish("sk_one");
  EXPECT_EQ(client->next_status(), "NetStream.Publish.Failed");
  auto player = connect();
  player->play("one");
  EXPECT_EQ(player->next_status(), "NetStream.Play.Failed");
  authority_.silent = false;
  EXPECT_NE(publisher("sk_one"), nullptr);
}

TEST_F(ServerTest, RefusesUnsupportedCodecsWithAReason) {
  start();
  auto client = connect();
  client->publish("sk_one");
  ASSERT_EQ(client->next_status(), "NetStream.Publish.Start");
  client->send(MessageType::kVideo, 0, {0x90, 'v', 'p', '0', '8', 0, 0, 0});
  EXPECT_EQ(client->next_status(), "NetStream.Publish.TrackRefused");
  EXPECT_EQ(client->next_status(), "NetStream.Publish.Failed");
  EXPECT_TRUE(client->closed_by_server());
}

TEST_F(ServerTest, RefusesAStreamWhenTheLogIsFullAndHarmsNobody) {
  start();
  std::vector<std::unique_ptr<RtmpClient>> clients;
  std::string status;
  while (clients.size() < 16) {
    clients.push_back(connect());
    clients.back()->publish("sk_s" + std::to_string(clients.size()));
    status = clients.back()->next_status();
    if (status != "NetStream.Publish.Start") break;
  }
  EXPECT_EQ(status, "NetStream.Publish.Failed");
  ASSERT_GT(clients.size(), 2U);
  clients[0]->send(MessageType::kVideo, 0, testing::avc_header());
  send_frames(*clients[0], 0, 10);
  EXPECT_TRUE(announcer_.wait_for_records(10));
  clients.erase(clients.begin() + 1);
  EXPECT_TRUE(clients.back()->closed_by_server());
  const std::string refused = std::to_string(clients.size() + 1);
  EXPECT_TRUE(announcer_.wait_for("dropped s" + refused + " " + refused + " 8"));
}

TEST_F(ServerTest, TellsOfEveryDecisionThatCameToNothing) {
  start();
  authority_.epoch_of = {{"new", Epoch{2}}, {"old", Epoch{1}}};
  auto winner = publisher("sk_one?new");
  send_frames(*winner, 0, 5);
  ASSERT_TRUE(announcer_.wait_for("published one 2 2"));
  auto loser = connect();
  loser->publish("sk_one?old");
  EXPECT_EQ(loser->next_status(), "NetStream.Publish.Rejected");
  EXPECT_TRUE(announcer_.wait_for("dropped one 1 4"));
  auto mute = connect();
  mute->publish("sk_two?new");
  EXPECT_EQ(mute->next_status(), "NetStream.Publish.Start");
  mute->close();
  EXPECT_TRUE(announcer_.wait_for("dropped two 2 2"));
  authority_.hold = true;
  auto impatient = connect();
  impatient->publish("sk_three?new");
  while (authority_.held() == 0) std::this_thread::yield();
  impatient->close();
  // Whichever comes first at the server, the end of the connection or the decision.
  authority_.release();
  EXPECT_TRUE(announcer_.wait_for("dropped three 2 2"));
}

TEST_F(ServerTest, SendsPlayersWithAnotherTagAwayWheneverAPublicationBegins) {
  start();
  auto right = connect();
  right->play("one?tag=1");
  EXPECT_EQ(right->next_status(), "NetStream.Play.Reset");
  EXPECT_EQ(right->next_status(), "NetStream.Play.Start");
  auto wrong = connect();
  wrong->play("one?tag=2");
  EXPECT_EQ(wrong->next_status(), "NetStream.Play.Reset");
  EXPECT_EQ(wrong->next_status(), "NetStream.Play.Start");
  auto source = publisher("sk_one?tag=1");
  send_frames(*source, 0, 5);
  EXPECT_TRUE(right->next_frame());
  EXPECT_EQ(wrong->next_status(), "NetStream.Play.StreamNotFound");
  EXPECT_TRUE(wrong->closed_by_server());
  auto late = connect();
  late->play("one");
  std::string status;
  for (std::string next = late->next_status(); !next.empty(); next = late->next_status()) status = next;
  EXPECT_EQ(status, "NetStream.Play.StreamNotFound");
  right->close();
  EXPECT_TRUE(announcer_.wait_for("play ended one"));
}

}  // namespace
}  // namespace millrace::ingest
