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
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "application.hpp"
#include "bus/testing.hpp"
#include "edge.hpp"
#include "edge_call.hpp"
#include "http/test_client.hpp"
#include "metrics_feed.hpp"
#include "peers.hpp"
#include "public_names.hpp"
#include "recordings.hpp"
#include "stream_directory.hpp"

namespace millrace::api::testing {

inline constexpr std::string_view kKey = "sk_00112233445566778899aabbccddeeff";
inline constexpr std::string_view kNewKey = "sk_ffeeddccbbaa99887766554433221100";

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
    std::ofstream(root_ / "web" / "index.html") << "<ul>";
    node_ = start_node("api");
    start_auth();
    start_metrics();
    peers_ = std::make_unique<Peers>(*node_);
    // Auth's first snapshot makes the API ask again about what it remembers.
    for (const std::string_view service : Peers::kServices)
      ASSERT_TRUE(eventually([&] { return peers_->presence(service) == Peers::Presence::kPresent; }));
    recordings_ = std::make_unique<Recordings>(vod_);
    directory_ = std::make_unique<StreamDirectory>(*peers_, taken_back_);
    names_ = std::make_unique<PublicNames>(*peers_, urls_);
    vod_access_ = std::make_unique<VodAccess>(
        vod_, playback::TokenKeys::create(Secret("0123456789abcdef0123456789abcdef")).value(), taken_back_,
        *directory_);
    if (auth_was_heard_) taken_back_.set_complete();
    files_ = std::make_unique<WebFiles>((root_ / "web").string());
    start_application();
    upstream_ = std::make_unique<http::Upstream>(upstream_config(4));
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
      if (request.has_get_health_history()) {
        if (request.get_health_history().stream_id() != "alice-id")
          return respond.fail({"metrics.unknown_stream", "not live"});
        metrics::v1::HealthHistory& history = *reply.mutable_health_history();
        history.mutable_now()->set_health_score(85);
        history.mutable_now()->add_health_reasons("low_frame_rate");
        history.set_level("good");
        history.set_interval_seconds(5);
        metrics::v1::HealthPoint& point = *history.add_points();
        point.set_wall_us(1'700'000'002'345'678);
        point.set_score(40);
        point.add_reasons("stalled");
        return respond(std::move(reply));
      }
      auto* stream = reply.mutable_metrics()->add_streams();
      stream->set_stream_id(request.get_metrics().stream_id().empty() ? "alice-id"
                                                                      : request.get_metrics().stream_id());
      stream->set_live(stream->stream_id() == "alice-id");
      stream->set_bitrate_kbps(3000);
      stream->set_latency_ms(149.6);
      stream->set_viewers(7);
      stream->set_fps(29.97003);
      stream->set_width(1280);
      stream->set_height(720);
      stream->set_peak_viewers(9);
      stream->set_total_viewers(31);
      stream->set_updated_wall_us(1'700'000'002'345'678);
      respond(std::move(reply));
    });
  }
  // "good-<name>" is the token of <name>, whose stream is "<name>-id"; "viewer-<name>" and "admin-<name>" are
  // theirs in other roles.
  void answer_auth(const bus::v1::Request& request, const bus::Responder& respond) {
    ++auth_questions_;
    if (auth_silent_) return;
    bus::v1::Reply reply;
    if (request.has_verify_token()) {
      const std::string& token = request.verify_token().token();
      auto& answer = *reply.mutable_verify_token();
      for (const auto& [prefix, role] : {std::pair{"good-", auth::v1::ROLE_USER},
                                         {"viewer-", auth::v1::ROLE_VIEWER},
                                         {"admin-", auth::v1::ROLE_ADMIN}}) {
        if (!token.starts_with(prefix)) continue;
        answer.set_valid(true);
        answer.set_subject(token.substr(std::string_view(prefix).size()));
        answer.set_role(role);
      }
    } else if (request.has_ensure_stream()) {
      describe(request.ensure_stream().subject(), *reply.mutable_stream());
    } else if (request.has_list_streams()) {
      describe(request.list_streams().subject(), *reply.mutable_stream_list()->add_streams());
    } else if (request.has_get_streams()) {
      reply.mutable_stream_list();
      for (const std::string& id : request.get_streams().stream_ids()) {
        if (!is_stream(id)) continue;
        auth::v1::Stream& stream = *reply.mutable_stream_list()->add_streams();
        describe(id.substr(0, id.size() - 3), stream);
        if (!request.get_streams().with_keys()) stream.clear_key();
      }
    } else {
      const std::string name = request.has_get_stream()        ? request.get_stream().name()
                               : request.has_update_settings() ? request.update_settings().stream_id()
                               : request.has_hold_stream()     ? request.hold_stream().stream_id()
                                                               : request.regenerate_key().stream_id();
      if (!is_stream(name) && name != kKey) return respond.fail({"auth.unknown_stream", "no such stream"});
      auth::v1::Stream& stream = *reply.mutable_stream();
      describe(name == kKey ? "alice" : name.substr(0, name.size() - 3), stream);
      if (request.has_get_stream() && !request.get_stream().with_key()) stream.clear_key();
      change(request, stream);
    }
    respond(std::move(reply));
  }
  // "carol-id" is private.
  static bool is_stream(std::string_view name) {
    return name == "alice-id" || name == "bob-id" || name == "carol-id";
  }
  void change(const bus::v1::Request& request, auth::v1::Stream& stream) {
    const std::lock_guard lock(mutex_);
    if (!request.has_get_stream()) changes_.push_back(request);
    if (request.has_regenerate_key()) stream.set_key(std::string(kNewKey));
    if (!request.has_update_settings()) return;
    const auth::v1::UpdateSettings& update = request.update_settings();
    if (update.has_quality()) stream.mutable_settings()->set_quality(update.quality());
    if (update.has_max_bitrate_kbps())
      stream.mutable_settings()->set_max_bitrate_kbps(update.max_bitrate_kbps());
    if (update.has_resolution()) stream.mutable_settings()->set_resolution(update.resolution());
  }
  std::vector<bus::v1::Request> changes() {
    const std::lock_guard lock(mutex_);
    return changes_;
  }
  static void describe(const std::string& subject, auth::v1::Stream& stream) {
    stream.set_stream_id(subject + "-id");
    stream.set_subject(subject);
    stream.set_is_private(subject == "carol");
    stream.set_created_wall_us(1'700'000'000'123'000);
    stream.set_updated_wall_us(1'700'000'001'000'000);
    stream.set_key(std::string(kKey));
    stream.mutable_settings()->set_quality("1080p");
    stream.mutable_settings()->set_max_bitrate_kbps(6000);
  }

  void start_application(RateLimits* limits = nullptr) {
    auto application = Application::start(
        {Secret("edge-secret"), 4, limits},
        {*peers_, urls_, *recordings_, *directory_, *names_, rules_, feed_, ads_, taken_back_});
    ASSERT_TRUE(application.has_value()) << application.error().message;
    application_ = std::move(*application);
  }
  void start_edge(const std::string& origins) {
    start_edge(EdgeConfig{Secret("edge-secret"), urls_, vod_, origins});
  }
  void start_edge(EdgeConfig edge, http::TrustedProxies proxies = {}) {
    server_.reset();
    edge_ = std::make_unique<Edge>(std::move(edge), *files_, *upstream_, *vod_access_);
    http::ServerConfig config;
    config.threads = 2;
    config.proxies = std::move(proxies);
    auto server =
        http::Server::start(config, [this](http::Request&& request, const http::Responder& respond) {
          edge_->handle(std::move(request), respond);
        });
    ASSERT_TRUE(server.has_value());
    server_ = std::move(*server);
  }

  std::string ask(const std::string& target, const std::string& fields = {},
                  const std::string& method = "GET", const std::string& body = {}) {
    http::testing::TestClient client(server_->port());
    const std::string length =
        body.empty()
            ? std::string()
            : "Content-Type: application/json\r\nContent-Length: " + std::to_string(body.size()) + "\r\n";
    client.send(method + " " + target + " HTTP/1.1\r\nHost: evil.example\r\n" + fields + length + "\r\n" +
                body);
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
  Urls urls_{.rtmp_base = "rtmp://localhost:1935",
             .hls_base = "http://localhost:8000",
             .api_base = "http://localhost:3000"};
  bool auth_was_heard_ = true;  // what it broadcasts, in whole, before the first request
  std::atomic<bool> auth_silent_{false};
  std::atomic<int> auth_questions_{0};
  std::mutex mutex_;
  std::vector<bus::v1::Request> changes_;
  std::unique_ptr<bus::Node> node_, auth_, metrics_;
  std::unique_ptr<Peers> peers_;
  std::unique_ptr<StreamDirectory> directory_;
  std::unique_ptr<PublicNames> names_;
  std::unique_ptr<Recordings> recordings_;
  const StreamRules rules_{std::chrono::seconds(7)};
  MetricsFeed feed_;
  AdsConfig ads_;
  std::unique_ptr<WebFiles> files_;
  std::unique_ptr<Application> application_;
  std::unique_ptr<http::Upstream> upstream_;
  playback::Revocations taken_back_;
  std::unique_ptr<VodAccess> vod_access_;
  std::unique_ptr<Edge> edge_;
  std::unique_ptr<http::Server> server_;
};

}  // namespace millrace::api::testing
