// A role without a server: its connection is a session that was led up to the command, an outbox on a socket
// pair, and a record of what the role did with them.
#pragma once

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <array>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "config.hpp"
#include "media/arena_reader.hpp"
#include "media/arena_writer.hpp"
#include "other_services.hpp"
#include "rtmp/client_bytes.hpp"
#include "server/role_connection.hpp"
#include "server/server_counters.hpp"

namespace millrace::ingest::testing {

class RecordedConnection final : public RoleConnection {
 public:
  RecordedConnection() {
    using rtmp::testing::operator+;
    std::array<int, 2> ends{};
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends.data()), 0);
    transport_ = Transport(net::UniqueFd(ends[0]));
    peer_end_ = net::UniqueFd(ends[1]);
    receive(rtmp::testing::simple_handshake() +
            rtmp::testing::command("connect", 1, {rtmp::testing::object({{"app", "live"}})}) +
            rtmp::testing::command("createStream", 2, {rtmp::amf0::Null{}}));
  }

  std::uint64_t id() const override { return 1; }
  const net::IpAddress& address() const override { return address_; }
  const std::string& peer() const override { return peer_; }
  std::int64_t now_us() const override { return now; }
  bool may_log() override { return true; }
  rtmp::ServerSession& session() override { return session_; }
  Outbox& outbox() override { return outbox_; }
  void set_send_buffer(int) override {}
  bool send(ByteView bytes) override {
    told.append(bytes.begin(), bytes.end());
    return true;
  }
  void flush() override {}
  void watch_readable(bool wanted) override { reading = wanted; }
  void watch_writable(bool) override {}
  void linger() override {
    lingers = true;
    end_role(media::LogEnd::kDisconnected);
  }
  void close(media::LogEnd reason, std::string_view why) override {
    closed = why;
    end_role(reason);
  }
  void on_exception() override { ADD_FAILURE() << "an exception"; }

  // The client sends: the first action of a kind that comes of it.
  void receive(const Bytes& bytes) {
    actions_.clear();
    (void)session_.receive(bytes, actions_);
  }
  template <class Action>
  Action action() {
    for (rtmp::Action& action : actions_) {
      if (Action* found = std::get_if<Action>(&action)) return std::move(*found);
    }
    ADD_FAILURE() << "no such action";
    return {};
  }
  template <class Request>
  Request request(const char* command, const char* name = "one") {
    receive(rtmp::testing::command(command, 3, {rtmp::amf0::Null{}, name}, 1));
    return action<Request>();
  }
  bool was_told(std::string_view text) const { return told.find(text) != std::string::npos; }

  std::int64_t now = 1'000'000;
  std::string told;
  std::string closed;
  bool lingers = false;
  bool reading = true;
  std::function<void(media::LogEnd)> end_role = [](media::LogEnd) {};

 private:
  net::IpAddress address_ = *net::IpAddress::parse("192.0.2.7");
  std::string peer_ = "192.0.2.7";
  rtmp::ServerSession session_;
  Transport transport_;
  net::UniqueFd peer_end_;
  Outbox outbox_{transport_};
  std::vector<rtmp::Action> actions_;
};

class RecordedAnnouncer final : public Announcer {
 public:
  void published(const LiveStream&, const std::vector<TrackFormat>&, const std::string&) override {}
  void ended(const LiveStream&, media::LogEnd) override {}
  void dropped(const std::string&, PublicationId, Epoch, media::LogEnd) override {}
  void play_ended(const std::string&, std::uint64_t) override { ++plays_ended; }
  void statistics(const std::vector<LiveStreamPtr>&) override {}
  void new_records(const std::vector<NewRecords>& all) override {
    announced.insert(announced.end(), all.begin(), all.end());
  }

  std::vector<NewRecords> announced;
  int plays_ended = 0;
};

// What roles work with.
class RoleTest : public ::testing::Test {
 protected:
  RoleTest() {
    std::string path = "/tmp/millrace-role-XXXXXX";
    directory_ = ::mkdtemp(path.data());
    config_.log_bytes = 64U << 20;
    config_.log_stream_bytes = 8U << 20;
    arena_ = std::move(*media::ArenaWriter::open({directory_, "ingest", config_.log_bytes, 256U << 10, 8}));
    reader_ = std::move(*media::ArenaReader::open(directory_, "ingest", "test"));
  }
  ~RoleTest() override { std::filesystem::remove_all(directory_); }

  std::string directory_;
  IngestConfig config_;
  ServerCounters counters_;
  std::unique_ptr<media::ArenaWriter> arena_;
  std::unique_ptr<media::ArenaReader> reader_;
  RecordedAnnouncer announcer_;
  LiveStreams streams_;
};

}  // namespace millrace::ingest::testing
