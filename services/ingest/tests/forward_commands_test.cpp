// StartForward, StopForward and ListForwards, and CloseStream, over a real bus.
#include "forward/forward_commands.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <future>

#include "bus/testing.hpp"
#include "bus/v1/bus.pb.h"
#include "bus_services.hpp"

namespace millrace::ingest {
namespace {

class ForwardCommands : public ::testing::Test {
 protected:
  ForwardCommands() {
    IngestConfig config;
    config.forward_allow = "127.0.0.0/8";
    std::string path = "/tmp/millrace-commands-XXXXXX";
    media_log_ = ::mkdtemp(path.data());
    arena_ = std::move(*media::ArenaWriter::open({media_log_, "ingest", 32U << 20, 256U << 10, 32}));
    slates_.emplace(*arena_, Slates::Policy{.grace_us = 60 * kSecond, .retention = {}});
    forwards_ = std::move(*Forwards::open(config));
    ingest_ = std::move(*bus::Node::start(directory_.config("ingest")));
    serve_commands(*ingest_, streams_, *forwards_, *slates_);
    client_ = std::move(*bus::Node::start(directory_.config("")));
  }
  ~ForwardCommands() override {
    client_->stop();
    ingest_->stop();
    slates_.reset();
    std::filesystem::remove_all(media_log_);
  }

  Result<bus::v1::Reply> ask(bus::v1::Request request) {
    std::promise<Result<bus::v1::Reply>> promise;
    auto future = promise.get_future();
    client_->request("ingest", std::move(request), bus::testing::kPatience,
                     [&promise](Result<bus::v1::Reply> reply) { promise.set_value(std::move(reply)); });
    return future.get();
  }
  Result<bus::v1::Reply> start(const std::string& id, const std::string& url) {
    bus::v1::Request request;
    request.mutable_start_forward()->set_forward_id(id);
    request.mutable_start_forward()->set_stream_id("cam1");
    request.mutable_start_forward()->set_url(url);
    return ask(std::move(request));
  }
  Result<bus::v1::Reply> stop(const std::string& id) {
    bus::v1::Request request;
    request.mutable_stop_forward()->set_forward_id(id);
    return ask(std::move(request));
  }
  stream::v1::ForwardList list(const std::string& stream_id) {
    bus::v1::Request request;
    request.mutable_list_forwards()->set_stream_id(stream_id);
    auto reply = ask(std::move(request));
    EXPECT_TRUE(reply && reply->has_forward_list());
    return reply ? reply->forward_list() : stream::v1::ForwardList();
  }
  std::vector<ForwardSpecPtr> targets() const {
    LiveStream stream;
    stream.stream_id = "cam1";
    return forwards_->targets_of(stream);
  }

  // A stream whose publisher is away has a slate by now.
  void leave(const std::string& stream_id) {
    media::LogDescription description;
    description.stream_id = stream_id;
    description.publication_id = PublicationId{7};
    auto log = std::move(*arena_->create_log(description));
    log->set_target_duration_s(2);
    log->end(media::LogEnd::kDisconnected);
    slates_->publisher_left(
        {.stream_id = stream_id, .publication_id = PublicationId{7}, .last_media_us = kSecond},
        {kSecond, {}});
    (void)slates_->advance(4 * kSecond);
  }

  static constexpr std::int64_t kSecond = 1'000'000;
  bus::testing::BusDirectory directory_;
  std::string media_log_;
  std::unique_ptr<media::ArenaWriter> arena_;
  std::optional<Slates> slates_;
  LiveStreams streams_;
  std::unique_ptr<Forwards> forwards_;
  std::unique_ptr<bus::Node> ingest_;
  std::unique_ptr<bus::Node> client_;
};

TEST_F(ForwardCommands, StartAndStop) {
  ASSERT_TRUE(start("f1", "rtmp://127.0.0.1/live/key"));
  ASSERT_EQ(targets().size(), 1U);
  EXPECT_EQ(targets()[0]->url.name, "key");
  ASSERT_TRUE(stop("f1"));
  EXPECT_TRUE(targets().empty());
}

// Its publisher is away, and may not come back.
TEST_F(ForwardCommands, ClosingAStreamEndsItsSlate) {
  leave("cam1");
  ASSERT_EQ(slates_->count(), 1U);
  bus::v1::Request request;
  request.mutable_close_stream()->set_stream_id("cam1");
  request.mutable_close_stream()->set_reason(stream::v1::END_REASON_TAKEN_OVER);
  EXPECT_FALSE(ask(request));
  EXPECT_EQ(slates_->count(), 1U) << "who takes it over comes";
  request.mutable_close_stream()->set_reason(stream::v1::END_REASON_UNPUBLISHED);
  EXPECT_FALSE(ask(request));
  EXPECT_EQ(slates_->count(), 1U) << "who publishes under the new rule too";
  request.mutable_close_stream()->set_reason(stream::v1::END_REASON_REVOKED);
  EXPECT_FALSE(ask(request)) << "it is not live";
  EXPECT_EQ(slates_->count(), 0U);
}

TEST_F(ForwardCommands, SayWhyTheyRefuse) {
  EXPECT_EQ(start("f1", "rtmp://169.254.169.254/live/key").error().code, "net.egress_address");
  EXPECT_EQ(start("f1", "http://127.0.0.1/live/key").error().code, "rtmp.url");
  EXPECT_EQ(start("", "rtmp://127.0.0.1/live/key").error().code, "ingest.forward_id");
  EXPECT_EQ(stop("f1").error().code, "ingest.forward_unknown");
  EXPECT_TRUE(targets().empty());
}

TEST_F(ForwardCommands, ListHowForwardsGoWithoutTheirSecrets) {
  ASSERT_TRUE(start("f1", "rtmp://joe:password@127.0.0.1:1936/live/secretkey?token=t"));
  const ForwardStatusPtr status = forwards_->begin(*targets()[0], "cam1");
  status->state = ForwardState::kWaiting;
  status->reason = ForwardReason::kRefused;
  status->attempts = 3;
  const stream::v1::ForwardList all = list("");
  ASSERT_EQ(all.forwards_size(), 1);
  EXPECT_EQ(all.forwards(0).forward_id(), "f1");
  EXPECT_EQ(all.forwards(0).target(), "127.0.0.1:1936/live");
  EXPECT_EQ(all.forwards(0).state(), "waiting");
  EXPECT_EQ(all.forwards(0).reason(), "refused");
  EXPECT_EQ(all.forwards(0).attempts(), 3U);
  const std::string text = all.DebugString();
  for (const char* secret : {"joe", "password", "secretkey", "token"}) {
    EXPECT_EQ(text.find(secret), std::string::npos) << secret;
  }
  EXPECT_EQ(list("cam1").forwards_size(), 1);
  EXPECT_EQ(list("cam2").forwards_size(), 0);
}

}  // namespace
}  // namespace millrace::ingest
