// One connection on a shard without threads: what happens at the bounds of its buffers.
#include "server/connection.hpp"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <string>

#include "forward/forward_set.hpp"
#include "forward/forwards.hpp"
#include "rtmp/client_bytes.hpp"
#include "streams/publication_actor.hpp"

namespace millrace::ingest {
namespace {

using rtmp::amf0::Null;
using rtmp::testing::command;

class HeldAuthority final : public Authority {
 public:
  void may_publish(PublishQuestion, std::function<void(Result<PublishDecision>)>) override {}
  void may_play(PlayQuestion, std::function<void(Result<PlayDecision>)> answer) override {
    play = std::move(answer);
  }
  std::function<void(Result<PlayDecision>)> play;
};

class SilentAnnouncer final : public Announcer {
 public:
  void published(const LiveStream&, const std::vector<TrackFormat>&, const std::string&) override {}
  void ended(const LiveStream&, media::LogEnd) override {}
  void dropped(const std::string&, PublicationId, Epoch, media::LogEnd) override {}
  void play_ended(const std::string&, std::uint64_t) override {}
  void statistics(const std::vector<LiveStreamPtr>&) override {}
  void new_records(const std::vector<NewRecords>&) override {}
};

class ConnectionTest : public ::testing::Test {
 protected:
  ConnectionTest() {
    std::string path = "/tmp/millrace-connection-XXXXXX";
    directory_ = ::mkdtemp(path.data());
    config_.max_connections = 4;
    config_.log_bytes = 64U << 20;
    config_.log_stream_bytes = 8U << 20;
    arena_ = std::move(*media::ArenaWriter::open({directory_, "ingest", config_.log_bytes, 256U << 10, 8}));
    reader_ = std::move(*media::ArenaReader::open(directory_, "ingest", "test"));
    forwards_ = std::move(*Forwards::open(config_));
    slates_.emplace(*arena_, Slates::Policy{.enabled = false, .retention = {}});
    shared_.reset(new ServerShared{
        // not to be moved

        .config = config_,
        .arena = *arena_,
        .arena_reader = *reader_,
        .authority = authority_,
        .announcer = announcer_,
        .streams = streams_,
        .slates = *slates_,
        .admission = admission_,
        .certificate = nullptr,
        .start_publication = [this](const std::shared_ptr<PublicationTicket>& ticket) { ticket_ = ticket; },
        .counters = {},
        .shards = {},
        .next_connection = 1,
        .asked_to_reconnect = 0,
        .forwards = forwards_.get()});
    shard_ = std::make_unique<Shard>(context_, 0, *shared_);
    shared_->shards.push_back(shard_.get());
    EXPECT_TRUE(shard_->open());
  }
  ~ConnectionTest() override {
    shard_->close_all();
    EXPECT_TRUE(run_until_connections(0));
    shard_.reset();
    arena_.reset();
    std::filesystem::remove_all(directory_);
  }

  // The shard's work, until something has come about.
  [[nodiscard]] bool run_until(const std::function<bool()>& done, int seconds = 20) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(seconds);
    context_.restart();
    while (!done() && std::chrono::steady_clock::now() < deadline) context_.run_one_until(deadline);
    return done();
  }
  [[nodiscard]] bool run_until_connections(std::uint64_t count) {
    return run_until([&] { return shared_->counters.connections == count; });
  }
  // Asks for stream "one", sends media in the same segment, and keeps its answers unread.
  struct Client {
    std::uint64_t id = 0;
    net::UniqueFd socket;
  };
  Client ask(const char* what, const Bytes& media = {}) {
    std::array<int, 2> ends{};
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends.data()), 0);
    Client client{shared_->next_connection, net::UniqueFd(ends[0])};
    shard_->adopt({net::UniqueFd(ends[1]), "127.0.0.1", 1}, Shard::Port::kRtmp);
    const rtmp::amf0::Value app = rtmp::testing::object({{"app", "live"}});
    send(client, rtmp::testing::simple_handshake());
    send(client, command("connect", 1, {app}));
    send(client, command("createStream", 2, {Null{}}));
    Bytes question = command(what, 3, {Null{}, "one"}, 1);
    question.insert(question.end(), media.begin(), media.end());
    send(client, question);
    return client;
  }
  void send(const Client& client, const Bytes& bytes) {
    ASSERT_EQ(::send(client.socket.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(bytes.size()));
  }
  // So much that nothing more fits.
  void fill_outbox(const Client& client) {
    shard_->post_to(client.id, [](Connection& connection) {
      ASSERT_TRUE(connection.outbox().empty());
      ASSERT_TRUE(connection.outbox().append(Bytes(Outbox::kLimit)));
    });
  }
  LiveStreamPtr accept() {
    auto stream = std::make_shared<LiveStream>();
    stream->stream_id = "one";
    stream->epoch = Epoch{1};
    stream->publication_id = ticket_->publication_id;
    streams_.claim(stream, [](LiveStreams::Claim) {});
    ticket_->accept(stream);
    return stream;
  }

  std::string directory_;
  IngestConfig config_;
  std::unique_ptr<media::ArenaWriter> arena_;
  std::unique_ptr<media::ArenaReader> reader_;
  HeldAuthority authority_;
  SilentAnnouncer announcer_;
  LiveStreams streams_;
  std::optional<Slates> slates_;
  Admission admission_{{}};
  std::unique_ptr<Forwards> forwards_;
  std::unique_ptr<ServerShared> shared_;
  boost::asio::io_context context_;
  std::unique_ptr<Shard> shard_;
  std::shared_ptr<PublicationTicket> ticket_;
};

TEST_F(ConnectionTest, IsGoneWhenThereIsNoRoomToSayThatItMayPublish) {
  const Client publisher = ask("publish");
  ASSERT_TRUE(run_until([&] { return ticket_ != nullptr; }));
  fill_outbox(publisher);
  const LiveStreamPtr stream = accept();
  EXPECT_TRUE(run_until_connections(0));
  EXPECT_EQ(shared_->counters.publishers.load(), 0U);
  EXPECT_FALSE(stream->live.load());
  EXPECT_TRUE(stream->ended.load());
}

TEST_F(ConnectionTest, IsGoneWhenThereIsNoRoomToSayThatATrackIsRefused) {
  const Client publisher = ask("publish");
  ASSERT_TRUE(run_until([&] { return ticket_ != nullptr; }));
  accept();
  ASSERT_TRUE(run_until([&] { return shared_->counters.publishers == 1; }));
  fill_outbox(publisher);
  const Bytes vp8{0x96, 0x00, 'v', 'p', '0', '8', 1, 0};
  send(publisher, rtmp::testing::message({6, rtmp::MessageType::kVideo, 0, 0, 1}, vp8));
  EXPECT_TRUE(run_until_connections(0));
  EXPECT_EQ(shared_->counters.publishers.load(), 0U);
}

TEST_F(ConnectionTest, IsGoneWhenThereIsNoRoomToSayThatItMayPlay) {
  const Client publisher = ask("publish");
  ASSERT_TRUE(run_until([&] { return ticket_ != nullptr; }));
  const LiveStreamPtr stream = accept();
  ASSERT_TRUE(run_until([&] { return stream->live.load(); }));
  const Client player = ask("play");
  ASSERT_TRUE(run_until([&] { return authority_.play != nullptr; }));
  fill_outbox(player);
  authority_.play(PlayDecision{true, "one"});
  EXPECT_TRUE(run_until_connections(1));
  EXPECT_EQ(shared_->counters.players.load(), 0U);
  EXPECT_EQ(stream->players_began.load(), 0U) << "it was never among the players";
}

TEST_F(ConnectionTest, LetsGoOfWhatCameWithAPublishWhenItIsRefused) {
  const Client publisher = ask("publish", Bytes(1000));
  ASSERT_TRUE(run_until([&] { return shared_->counters.held_bytes == 1000; }));
  ASSERT_NE(ticket_, nullptr);
  ticket_->reject({"ingest.denied", "no"});
  ASSERT_TRUE(run_until([&] { return shared_->counters.publish_refused == 1; }));
  EXPECT_EQ(shared_->counters.connections.load(), 1U) << "it lingers";
  EXPECT_EQ(shared_->counters.held_bytes.load(), 0U);
}

TEST_F(ConnectionTest, LetsGoOfWhatCameWithAPublishWhenItIsClosed) {
  const Client publisher = ask("publish", Bytes(1000));
  ASSERT_TRUE(run_until([&] { return shared_->counters.held_bytes == 1000; }));
  shard_->post_to(publisher.id,
                  [](Connection& connection) { connection.close(media::LogEnd::kDisconnected, "test"); });
  EXPECT_TRUE(run_until_connections(0));
  EXPECT_EQ(shared_->counters.held_bytes.load(), 0U);
}

// Its end is behind media that nobody reads before the answer.
TEST_F(ConnectionTest, GivesUpAPublishWhoseEncoderLeavesBeforeTheAnswer) {
  for (const bool closes : {false, true}) {
    Client publisher = ask("publish", Bytes(1000));
    ASSERT_TRUE(run_until([&] { return shared_->counters.held_bytes == 1000; }));
    send(publisher, Bytes(5000));
    closes ? publisher.socket.reset() : (void)::shutdown(publisher.socket.get(), SHUT_WR);
    EXPECT_TRUE(run_until_connections(0));
    EXPECT_EQ(shared_->counters.held_bytes.load(), 0U);
    const LiveStreamPtr stream = accept();
    EXPECT_FALSE(run_until([&] { return stream->live.load() || shared_->counters.connections != 0; }, 1));
  }
}

TEST_F(ConnectionTest, RefusesAPublishWhenTooMuchIsHeldForOthers) {
  shared_->counters.held_bytes = PublishRole::kMaxHeldBytes - 999;
  const Client publisher = ask("publish", Bytes(1000));
  ASSERT_TRUE(run_until([&] { return shared_->counters.publish_refused == 1; }));
  EXPECT_EQ(shared_->counters.held_bytes.load(), PublishRole::kMaxHeldBytes - 999);
  std::string told(64U << 10, '\0');
  told.resize(static_cast<std::size_t>(
      std::max<ssize_t>(::recv(publisher.socket.get(), told.data(), told.size(), MSG_DONTWAIT), 0)));
  EXPECT_NE(told.find("Too many publishers wait"), std::string::npos);
}

}  // namespace
}  // namespace millrace::ingest
