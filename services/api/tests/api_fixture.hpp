// The whole API in one process: edge, application and a bus on which the test plays auth and metrics.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <thread>

#include "application.hpp"
#include "bus/testing.hpp"
#include "edge.hpp"
#include "http/test_client.hpp"
#include "peers.hpp"

namespace millrace::api::testing {

inline constexpr std::string_view kKey = "sk_00112233445566778899aabbccddeeff";

class ApiFixture : public ::testing::Test {
 protected:
  void SetUp() override {
    std::signal(SIGPIPE, SIG_IGN);  // as in every service: Pistache writes without MSG_NOSIGNAL
    std::string path = ::testing::TempDir() + "/millrace_api_XXXXXX";
    ASSERT_NE(::mkdtemp(path.data()), nullptr);
    root_ = path;
    vod_ = (root_ / "vod").string();
    std::filesystem::create_directories(vod_);
    std::filesystem::create_directories(root_ / "web");
    std::ofstream(root_ / "web" / "watch.html") << "<video>";
    node_ = start_node("api");
    start_auth();
    start_metrics();
    peers_ = std::make_unique<Peers>(*node_);
    files_ = std::make_unique<WebFiles>((root_ / "web").string());
    start_application();
    upstream_ = std::make_unique<http::Upstream>(http::UpstreamConfig{.connections = 4});
    upstream_->connect_to(application_->port());
    start_edge("https://site.example");
  }

  void TearDown() override {
    server_.reset();
    if (upstream_) upstream_->stop();
    application_.reset();
    if (node_) node_->stop();
    if (auth_) auth_->stop();
    if (metrics_) metrics_->stop();
    std::filesystem::remove_all(root_);
  }

  std::unique_ptr<bus::Node> start_node(const std::string& instance) {
    auto node = bus::Node::start(bus_.config(instance));
    EXPECT_TRUE(node.has_value()) << (node ? "" : node.error().message);
    return node ? std::move(*node) : nullptr;
  }
  void start_auth() {
    auth_ = start_node("auth");
    auth_->serve([this](const bus::v1::Request& request, const bus::Responder& respond) {
      answer_auth(request, respond);
    });
  }
  void start_metrics() {
    metrics_ = start_node("metrics");
    metrics_->serve([](const bus::v1::Request& request, const bus::Responder& respond) {
      bus::v1::Reply reply;
      auto* stream = reply.mutable_metrics()->add_streams();
      stream->set_stream_id(request.get_metrics().stream_id().empty() ? "alice-id"
                                                                      : request.get_metrics().stream_id());
      stream->set_live(stream->stream_id() == "alice-id");
      stream->set_bitrate_kbps(3000);
      stream->set_latency_ms(149.6);
      stream->set_viewers(7);
      respond(std::move(reply));
    });
  }
  // "good-<name>" is the token of <name>, whose stream is "<name>-id".
  void answer_auth(const bus::v1::Request& request, const bus::Responder& respond) {
    ++auth_questions_;
    if (auth_silent_) return;
    bus::v1::Reply reply;
    if (request.has_verify_token()) {
      const std::string& token = request.verify_token().token();
      auto& answer = *reply.mutable_verify_token();
      answer.set_valid(token.starts_with("good-"));
      if (answer.valid()) {
        answer.set_subject(token.substr(5));
        answer.set_role(auth::v1::ROLE_USER);
      }
    } else if (request.has_ensure_stream()) {
      describe(request.ensure_stream().subject(), *reply.mutable_stream());
    } else if (request.has_list_streams()) {
      describe(request.list_streams().subject(), *reply.mutable_stream_list()->add_streams());
    } else {
      const std::string& name = request.get_stream().name();
      if (name != "alice-id" && name != "bob-id" && name != kKey) {
        return respond.fail({"auth.unknown_stream", "no such stream"});
      }
      reply.mutable_stream()->set_stream_id(name == kKey ? "alice-id" : name);
    }
    respond(std::move(reply));
  }
  static void describe(const std::string& subject, auth::v1::Stream& stream) {
    stream.set_stream_id(subject + "-id");
    stream.set_subject(subject);
    stream.set_key(std::string(kKey));
    stream.mutable_settings()->set_quality("1080p");
    stream.mutable_settings()->set_max_bitrate_kbps(6000);
  }

  void start_application() {
    auto application = Application::start({Secret("edge-secret"), 4}, {*peers_, urls_, vod_});
    ASSERT_TRUE(application.has_value()) << application.error().message;
    application_ = std::move(*application);
  }
  void start_edge(const std::string& origins) {
    server_.reset();
    edge_ =
        std::make_unique<Edge>(EdgeConfig{Secret("edge-secret"), urls_, vod_, origins}, *files_, *upstream_);
    http::ServerConfig config;
    config.threads = 2;
    auto server =
        http::Server::start(config, [this](http::Request&& request, const http::Responder& respond) {
          edge_->handle(std::move(request), respond);
        });
    ASSERT_TRUE(server.has_value());
    server_ = std::move(*server);
  }

  std::string ask(const std::string& target, const std::string& fields = {},
                  const std::string& method = "GET") {
    http::testing::TestClient client(server_->port());
    client.send(method + " " + target + " HTTP/1.1\r\nHost: evil.example\r\n" + fields + "\r\n");
    return client.read_answer(method == "HEAD");
  }

  template <class Condition>
  static bool eventually(Condition condition) {
    for (int i = 0; i < 4000; ++i) {
      if (condition()) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    return false;
  }

  bus::testing::BusDirectory bus_;
  std::filesystem::path root_;
  std::string vod_;
  const Urls urls_{"rtmp://localhost:1935", "http://localhost:8000"};
  std::atomic<bool> auth_silent_{false};
  std::atomic<int> auth_questions_{0};
  std::unique_ptr<bus::Node> node_, auth_, metrics_;
  std::unique_ptr<Peers> peers_;
  std::unique_ptr<WebFiles> files_;
  std::unique_ptr<Application> application_;
  std::unique_ptr<http::Upstream> upstream_;
  std::unique_ptr<Edge> edge_;
  std::unique_ptr<http::Server> server_;
};

}  // namespace millrace::api::testing
