// The server over real sockets, with stand-ins for auth and the bus: what its tests share.
#pragma once

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <algorithm>
#include <caf/all.hpp>
#include <chrono>
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
#include "server/server.hpp"
#include "streams/publications.hpp"

namespace millrace::ingest {

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
      stream_ = records.stream;
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
  // In the log of the stream that was announced last; the bus hears of ends of parts and segments alone.
  bool wait_for_records(std::uint64_t count) {
    const auto until = std::chrono::steady_clock::now() + RtmpClient::kPatience;
    std::unique_lock lock(mutex_);
    while (!stream_ || stream_->committed.load(std::memory_order_acquire) < count) {
      if (std::chrono::steady_clock::now() >= until) return false;
      changed_.wait_for(lock, std::chrono::milliseconds(1));
    }
    return true;
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
  LiveStreamPtr stream_;  // the newest that was announced
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

}  // namespace millrace::ingest
