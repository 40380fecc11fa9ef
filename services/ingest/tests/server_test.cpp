// The server over real sockets, with stand-ins for auth and the bus.
#include "server/server.hpp"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <algorithm>
#include <caf/all.hpp>
#include <condition_variable>
#include <cstdlib>
#include <filesystem>
#include <mutex>
#include <thread>

#include "base/clock.hpp"
#include "base/secret.hpp"
#include "enhanced_samples.hpp"
#include "forward/forward.hpp"
#include "media_samples.hpp"
#include "rtmp/client_testing.hpp"
#include "rtmp_client.hpp"
#include "runtime/supervisor.hpp"
#include "scripted_server.hpp"
#include "streams/publications.hpp"

namespace millrace::ingest {
namespace {

using namespace std::chrono_literals;
using rtmp::MessageType;
using rtmp::testing::operator+;
using testing::RtmpClient;

// Key "sk_x" publishes stream "x"; epochs grow. Silent: it never answers within the deadline, as when auth is
// gone.
class StandInAuthority final : public Authority {
 public:
  void may_publish(PublishQuestion question, std::function<void(Result<PublishDecision>)> answer) override {
    if (silent) return answer(fail("bus.deadline", "no answer"));
    const bool known = question.key.starts_with("sk_");
    PublishDecision decision;
    decision.allowed = known;
    decision.stream_id = known ? question.key.substr(3) : "";
    decision.max_bitrate_kbps = max_bitrate_kbps;
    decision.resolution = resolution;
    if (decision.stream_id == "one") decision.forward_urls = forward_urls;
    decision.epoch = epoch_of.empty() ? Epoch{++epoch_} : epoch_of[question.query];
    if (question.query.starts_with("tag=")) decision.play_tag = question.query.back();
    if (!hold) return answer(decision);
    const std::lock_guard lock(mutex_);
    held_.push_back([answer = std::move(answer), decision] { answer(decision); });
  }
  void may_play(PlayQuestion question, std::function<void(Result<PlayDecision>)> answer) override {
    if (silent) return answer(fail("bus.deadline", "no answer"));
    PlayDecision decision{question.name != "unknown", question.name};
    if (question.query.starts_with("tag=")) decision.play_tag = question.query.back();
    decision.report_end = question.query == "tag=1";
    answer(decision);
  }
  std::size_t held() {
    const std::lock_guard lock(mutex_);
    return held_.size();
  }
  void release() {
    const std::lock_guard lock(mutex_);
    for (const auto& answer : held_) answer();
    held_.clear();
  }
  std::atomic<bool> silent{false};
  std::uint32_t max_bitrate_kbps = 0;  // of every stream
  std::string resolution;
  std::vector<std::string> forward_urls;  // of stream "one"
  std::atomic<bool> hold{false};
  std::map<std::string, Epoch> epoch_of;  // by query; empty: they grow

 private:
  std::mutex mutex_;
  std::vector<std::function<void()>> held_;
  std::atomic<std::uint64_t> epoch_{0};
};

class RecordingAnnouncer final : public Announcer {
 public:
  void published(const LiveStream& stream, const std::vector<TrackFormat>& tracks,
                 const std::string&) override {
    add("published " + stream.stream_id + " " + std::to_string(number_of(stream.epoch)) + " " +
        std::to_string(tracks.size()));
  }
  void ended(const LiveStream& stream, media::LogEnd reason) override {
    add("ended " + stream.stream_id + " " + std::to_string(number_of(stream.epoch)) + " " +
        std::to_string(static_cast<int>(reason)));
  }
  void dropped(const std::string& stream_id, PublicationId, Epoch epoch, media::LogEnd reason) override {
    add("dropped " + stream_id + " " + std::to_string(number_of(epoch)) + " " +
        std::to_string(static_cast<int>(reason)));
  }
  void play_ended(const std::string& stream_id, std::uint64_t) override { add("play ended " + stream_id); }
  void statistics(const std::vector<LiveStreamPtr>&) override {}
  void new_records(const std::vector<NewRecords>& all) override {
    const std::lock_guard lock(mutex_);
    for (const NewRecords& records : all) {
      gap_ = gap_ || (records.first_sequence != 0 && records.first_sequence != announced_);
      announced_ = records.committed;
    }
    changed_.notify_all();
  }

  void add(std::string text) {
    const std::lock_guard lock(mutex_);
    events_.push_back(std::move(text));
    changed_.notify_all();
  }
  bool wait_for(const std::string& text) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, RtmpClient::kPatience, [&] {
      return std::find(events_.begin(), events_.end(), text) != events_.end();
    });
  }
  bool wait_for_records(std::uint64_t count) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, RtmpClient::kPatience, [&] { return announced_ >= count; });
  }
  bool gap() const { return gap_; }
  std::vector<std::string> events() {
    const std::lock_guard lock(mutex_);
    return events_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::string> events_;
  std::uint64_t announced_ = 0;
  bool gap_ = false;
};

class ServerTest : public ::testing::Test {
 protected:
  ServerTest() : system_(actor_config_) {
    std::string path = "/tmp/millrace-ingest-XXXXXX";
    directory_ = ::mkdtemp(path.data());
    config_.listen_address = "127.0.0.1";
    config_.threads = 2;
    config_.max_connections = 64;
    config_.log_bytes = 64U << 20;
    config_.log_stream_bytes = 8U << 20;
    arena_ = std::move(*media::ArenaWriter::open({directory_, "ingest", config_.log_bytes, 256U << 10, 64}));
    reader_ = std::move(*media::ArenaReader::open(directory_, "ingest", "test"));
    root_ = runtime::spawn_supervisor(
        system_, {.name = "root", .backoff = {1ms, 5ms}, .health = nullptr, .observer = nullptr});
    runtime::add_child(root_, {.name = "publications", .group = {}, .spawn = [this](auto& root) {
                                 return publications_.spawn(root, nullptr);
                               }});
  }
  ~ServerTest() override {
    server_.reset();
    runtime::stop(root_);
    root_ = nullptr;
    publications_.release();
    system_.await_all_actors_done();
    arena_.reset();
    std::filesystem::remove_all(directory_);
  }

  void start() {
    auto server = Server::start({config_, *arena_, *reader_, authority_, announcer_, streams_,
                                 [this](const std::shared_ptr<PublicationTicket>& ticket) {
                                   remember(ticket);  // before its client hears of it
                                   publications_.start(ticket);
                                 }});
    ASSERT_TRUE(server) << server.error().message;
    server_ = std::move(*server);
  }
  // On an I/O thread.
  void remember(const std::shared_ptr<PublicationTicket>& ticket) {
    const std::lock_guard lock(newest_ticket_mutex_);
    newest_ticket_ = ticket;
  }
  std::shared_ptr<PublicationTicket> newest_ticket() {
    const std::lock_guard lock(newest_ticket_mutex_);
    return newest_ticket_;
  }
  std::unique_ptr<RtmpClient> connect(int receive_buffer = 0) {
    return std::make_unique<RtmpClient>(server_->port(), receive_buffer);
  }
  std::unique_ptr<RtmpClient> publisher(const std::string& key) {
    auto client = connect();
    client->publish(key);
    EXPECT_EQ(client->next_status(), "NetStream.Publish.Start");
    client->send(MessageType::kVideo, 0, testing::avc_header());
    client->send(MessageType::kAudio, 0, testing::aac_header());
    return client;
  }
  static void send_frames(RtmpClient& client, std::uint32_t first, std::uint32_t count,
                          std::size_t size = 64) {
    for (std::uint32_t i = first; i < first + count; ++i) {
      client.send(MessageType::kVideo, i * 40, testing::video_frame(i % 25 == 0, i, size));
    }
  }

  std::string directory_;
  IngestConfig config_;
  caf::actor_system_config actor_config_;
  caf::actor_system system_;
  std::unique_ptr<media::ArenaWriter> arena_;
  std::unique_ptr<media::ArenaReader> reader_;
  StandInAuthority authority_;
  RecordingAnnouncer announcer_;
  LiveStreams streams_;
  Publications publications_{{authority_, announcer_, streams_}};
  std::mutex newest_ticket_mutex_;
  std::shared_ptr<PublicationTicket> newest_ticket_;
  caf::actor root_;
  std::unique_ptr<Server> server_;
};

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

TEST_F(ServerTest, HoldsAnAddressToItsConnectionsAndLetsItBackIn) {
  config_.max_address_connections = 2;
  start();
  auto first = connect();
  auto second = connect();
  first->handshake();
  second->handshake();
  EXPECT_TRUE(connect()->closed_by_server());
  EXPECT_EQ(server_->counters().address_refused.load(), 1U);
  second->close();
  std::string status;
  for (int i = 0; i < 500 && status.empty(); ++i) {
    auto third = connect();  // until the server has seen the other one go
    third->publish("sk_one");
    status = third->next_status();
    std::this_thread::sleep_for(10ms);
  }
  EXPECT_EQ(status, "NetStream.Publish.Start");
}

TEST_F(ServerTest, BudgetsTheBytesOfAnAddressBeforeAcceptance) {
  config_.max_address_connections = 0;
  start();
  // Each sends less than a connection may.
  const Bytes garbage(200U << 10, 0);
  for (int i = 0; i < 8; ++i) {
    auto client = connect();
    client->handshake();
    client->send(MessageType::kVideo, 0, garbage);
    client->connect();
    (void)client->receive();
  }
  EXPECT_GE(server_->counters().address_bytes.load() + server_->counters().address_refused.load(), 1U);
}

TEST_F(ServerTest, BelievesATrustedProxy) {
  config_.proxies = *net::IpNetworks::parse("127.0.0.1");
  config_.max_address_connections = 1;
  start();
  auto client = connect();
  client->send_bytes(as_bytes("PROXY TCP4 203.0.113.9 198.51.100.1 50000 1935\r\n"));
  client->publish("sk_one");
  ASSERT_EQ(client->next_status(), "NetStream.Publish.Start");
  EXPECT_EQ(streams_.find("one")->peer_address, "203.0.113.9");
  auto other = connect();
  other->send_bytes(as_bytes("PROXY TCP4 203.0.113.10 198.51.100.1 50001 1935\r\n"));
  other->publish("sk_two");
  EXPECT_EQ(other->next_status(), "NetStream.Publish.Start")
      << "a proxy's clients are counted, not the proxy";
  auto again = connect();
  again->send_bytes(as_bytes("PROXY TCP4 203.0.113.9 198.51.100.1 50002 1935\r\n"));
  EXPECT_TRUE(again->closed_by_server());
  EXPECT_EQ(server_->counters().proxied.load(), 3U);
  auto without = connect();
  without->handshake();
  EXPECT_TRUE(without->closed_by_server());
}

TEST_F(ServerTest, WaitsForAProxysHeaderNoLongerThanForAHandshake) {
  config_.proxies = *net::IpNetworks::parse("127.0.0.1");
  config_.handshake = 1s;
  start();
  auto client = connect();
  client->send_bytes(as_bytes("PROXY TCP4 203.0"));
  EXPECT_TRUE(client->closed_by_server());
  EXPECT_EQ(server_->counters().timeouts.load(), 1U);
}

TEST_F(ServerTest, TakesAStrangersProxyHeaderForGarbage) {
  config_.proxies = *net::IpNetworks::parse("10.0.0.0/8");
  start();
  auto client = connect();
  client->send_bytes(as_bytes("PROXY TCP4 203.0.113.9 198.51.100.1 50000 1935\r\n"));
  EXPECT_TRUE(client->closed_by_server());
  auto binary = connect();
  binary->send_bytes(as_bytes(std::string("\r\n\r\n\0\r\nQUIT\n\x20\0\0\0", 16)));
  EXPECT_TRUE(binary->closed_by_server());
  EXPECT_EQ(server_->counters().proxied.load(), 0U);
}

TEST_F(ServerTest, LetsOnlyTheWhitelistPlay) {
  config_.play_whitelist = *net::IpNetworks::parse("10.0.0.0/8");
  start();
  auto source = publisher("sk_one");
  auto player = connect();
  player->play("one");
  EXPECT_EQ(player->next_status(), "NetStream.Play.BadName");
  EXPECT_TRUE(player->closed_by_server());
  EXPECT_EQ(server_->counters().play_refused.load(), 1U);
}

TEST_F(ServerTest, HoldsPublishersToTheirNumberButLetsThemReturn) {
  config_.max_streams = 1;
  start();
  auto first = publisher("sk_one");
  auto second = connect();
  second->publish("sk_two");
  EXPECT_EQ(second->next_status(), "NetStream.Publish.Denied");
  EXPECT_EQ(server_->counters().over_streams.load(), 1U);
  auto again = connect();
  again->publish("sk_one");
  EXPECT_EQ(again->next_status(), "NetStream.Publish.Start") << "a take-over is no further stream";
}

TEST_F(ServerTest, EndsAPublisherOverTheBitRateWithAStatus) {
  config_.max_bitrate_mbps = 1;
  start();
  auto source = publisher("sk_one");
  send_frames(*source, 0, 100, 20'000);
  EXPECT_EQ(source->next_status(), "NetStream.Publish.Denied");
  EXPECT_TRUE(source->closed_by_server());
  EXPECT_EQ(server_->counters().over_bitrate.load(), 1U);
}

TEST_F(ServerTest, HoldsAStreamToItsOwnLowerLimits) {
  config_.max_bitrate_mbps = 100;
  authority_.max_bitrate_kbps = 1000;
  start();
  auto fast = publisher("sk_one");
  send_frames(*fast, 0, 100, 20'000);
  EXPECT_EQ(fast->next_status(), "NetStream.Publish.Denied");
  authority_.max_bitrate_kbps = 0;
  authority_.resolution = "160x90";
  auto large = publisher("sk_two");
  EXPECT_EQ(large->next_status(), "NetStream.Publish.Denied");
  EXPECT_EQ(server_->counters().over_resolution.load(), 1U);
  authority_.resolution = "whatever its owner wrote";
  auto good = publisher("sk_three");
  send_frames(*good, 0, 5);
  EXPECT_TRUE(announcer_.wait_for_records(5));
}

TEST_F(ServerTest, HoldsALiveStreamToLimitsThatChange) {
  start();
  auto fast = publisher("sk_one");
  send_frames(*fast, 0, 5);
  ASSERT_TRUE(announcer_.wait_for_records(5));
  EXPECT_TRUE(streams_.change_limits("one", {.max_bitrate_kbps = 1000}));
  send_frames(*fast, 5, 100, 20'000);
  EXPECT_EQ(fast->next_status(), "NetStream.Publish.Denied");
  EXPECT_EQ(server_->counters().over_bitrate.load(), 1U);
  EXPECT_FALSE(streams_.change_limits("nobody", {}));
  auto large = publisher("sk_two");
  send_frames(*large, 0, 5);
  ASSERT_TRUE(announcer_.wait_for("published two 2 2"));
  EXPECT_TRUE(streams_.change_limits("two", {.max_resolution = "160x90"}));
  EXPECT_EQ(large->next_status(), "NetStream.Publish.Denied");
  EXPECT_EQ(server_->counters().over_resolution.load(), 1U);
}

TEST_F(ServerTest, RefusesPicturesThatAreTooLarge) {
  config_.max_resolution = *ResolutionLimit::parse("319x180");
  start();
  auto source = publisher("sk_one");
  EXPECT_EQ(source->next_status(), "NetStream.Publish.Denied");
  EXPECT_TRUE(source->closed_by_server());
}

TEST_F(ServerTest, HoldsNamesToTheirLength) {
  config_.id_max_length = 6;
  config_.handshake = 1s;
  start();
  auto good = connect();
  good->publish("sk_one");
  EXPECT_EQ(good->next_status(), "NetStream.Publish.Start");
  auto bad = connect();
  bad->publish("sk_one7");
  EXPECT_EQ(bad->next_status(), "NetStream.Publish.BadName");
}

TEST_F(ServerTest, RecognisesTlsOnTheRtmpPort) {
  start();
  auto client = connect();
  client->send_bytes(as_bytes(std::string("\x16\x03\x01\x02\x00\x01\x00\x01\xFC", 9)));
  EXPECT_TRUE(client->closed_by_server());
  EXPECT_EQ(server_->counters().protocol_errors.load(), 1U);
}

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
