// The program itself, between a bus and an HTTP client.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <future>
#include <iterator>
#include <mutex>
#include <thread>
#include <vector>

#include "base/clock.hpp"
#include "bus/node.hpp"
#include "bus/v1/bus.pb.h"
#include "http/test_client.hpp"

namespace millrace::metrics {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

constexpr std::chrono::seconds kPatience{20};

class MetricsProgram : public ::testing::Test {
 protected:
  MetricsProgram() {
    std::string path = "/tmp/millrace-metrics-XXXXXX";
    home_ = ::mkdtemp(path.data());
    start();
  }
  ~MetricsProgram() override {
    if (pid_ > 0) end(SIGKILL);
    std::filesystem::remove_all(home_);
  }

  // More of the environment, "NAME=value".
  void spawn(std::vector<std::string> more) {
    std::filesystem::remove(home_ + "/run/metrics.ports");
    std::string home = "MILLRACE_HOME=" + home_;
    std::string port = "METRICS_PORT=0";
    std::string grpc = "RTMP_GRPC_PORT=0";
    std::string program = METRICS_PROGRAM;
    char* arguments[] = {program.data(), nullptr};
    std::vector<char*> environment = {home.data(), port.data(), grpc.data()};
    for (std::string& each : more) environment.push_back(each.data());
    environment.push_back(nullptr);
    ASSERT_EQ(::posix_spawn(&pid_, program.c_str(), nullptr, nullptr, arguments, environment.data()), 0);
  }
  void start(const std::vector<std::string>& more = {}) {
    spawn(more);
    ASSERT_TRUE(wait([&] { return std::filesystem::exists(home_ + "/run/metrics.ports"); }));
    std::ifstream file(home_ + "/run/metrics.ports");
    const std::string text{std::istreambuf_iterator<char>(file), {}};
    const std::string name = "METRICS_PORT=";
    ASSERT_NE(text.find(name), std::string::npos) << text;
    port_ = static_cast<std::uint16_t>(std::stoi(text.substr(text.find(name) + name.size())));
  }
  int end(int signal) {
    ::kill(pid_, signal);
    return wait_for_exit();
  }
  int wait_for_exit() {
    int status = 0;
    ::waitpid(pid_, &status, 0);
    pid_ = 0;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
  }
  static bool wait(const std::function<bool()>& condition) {
    const auto end = std::chrono::steady_clock::now() + kPatience;
    while (std::chrono::steady_clock::now() < end) {
      if (condition()) return true;
      std::this_thread::sleep_for(10ms);
    }
    return condition();
  }
  std::string get(const std::string& path, const std::string& fields = {}) const {
    http::testing::TestClient client(port_);
    client.send("GET " + path + " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n" + fields + "\r\n");
    return client.read_all();
  }
  bool shows(const std::string& text) const {
    return wait([&] { return get("/metrics").find(text) != std::string::npos; });
  }
  std::unique_ptr<bus::Node> node(const std::string& instance) const {
    bus::EndpointsConfig config;
    config.home = home_;
    auto started =
        bus::Node::start({.service = instance, .endpoints = *bus::endpoints(config), .limits = {}});
    return started ? *std::move(started) : nullptr;
  }
  // An auth that has said who may watch: everybody.
  std::unique_ptr<bus::Node> auth() const {
    std::unique_ptr<bus::Node> started = node("auth");
    bus::v1::Event all;
    all.set_key("watching-facts");
    all.mutable_watching_facts()->set_complete(true);
    if (started) started->publish(std::move(all));
    return started;
  }
  static bus::v1::Event published() {
    bus::v1::Event event;
    event.set_key("stream/cam1");
    event.mutable_stream_published()->set_stream_id("cam1");
    event.mutable_stream_published()->set_publication_id(5);
    return event;
  }

  std::string home_;
  pid_t pid_ = 0;
  std::uint16_t port_ = 0;
};

TEST_F(MetricsProgram, ShowsWhatTheOthersSayAndAnswersOnTheBus) {
  const auto who_may_watch = auth();
  EXPECT_EQ(http::testing::status_of(get("/healthz")), 200);
  EXPECT_EQ(http::testing::status_of(get("/readyz")), 200);
  const auto ingest = node("ingest");
  ASSERT_NE(ingest, nullptr);
  ingest->publish(published());
  EXPECT_TRUE(shows("millrace_live_streams 1\n"));
  EXPECT_TRUE(shows("millrace_service_up{service=\"ingest\"} 1\n"));
  bus::v1::Event statistics;
  statistics.mutable_stream_statistics()->set_stream_id("cam1");
  statistics.mutable_stream_statistics()->set_publication_id(5);
  statistics.mutable_stream_statistics()->set_players(3);
  statistics.mutable_stream_statistics()->set_measured_monotonic_us(monotonic_us());
  ingest->publish(statistics);
  EXPECT_TRUE(shows("millrace_stream_viewers{stream=\"cam1\",protocol=\"rtmp\"} 3\n"));

  bus::v1::Request request;
  request.mutable_get_metrics();
  std::promise<std::uint32_t> viewers;
  const auto api = node("api");
  ASSERT_NE(api, nullptr);
  api->request("metrics", request, kPatience, [&](const Result<bus::v1::Reply>& reply) {
    viewers.set_value(reply && reply->metrics().streams_size() == 1 ? reply->metrics().streams(0).viewers()
                                                                    : 0);
  });
  EXPECT_EQ(viewers.get_future().get(), 3u);
  EXPECT_EQ(end(SIGTERM), 0);
}

TEST_F(MetricsProgram, BroadcastsNumbersOnceASecondAndAnEndOnceMore) {
  const auto ingest = node("ingest");
  ASSERT_NE(ingest, nullptr);
  std::mutex mutex;
  std::vector<bool> told;  // live or not
  ingest->subscribe("metrics", {.on_event = [&](const bus::v1::Event& event) {
                      const std::lock_guard lock(mutex);
                      for (const v1::StreamMetrics& stream : event.metrics_updated().streams())
                        told.push_back(stream.live());
                    }});
  const auto count = [&](bool live) {
    const std::lock_guard lock(mutex);
    return std::count(told.begin(), told.end(), live);
  };
  ingest->publish(published());
  EXPECT_TRUE(wait([&] { return count(true) >= 2; }));

  bus::v1::Request request;
  request.mutable_get_health_history()->set_stream_id("cam1");
  std::promise<v1::HealthHistory> history;
  const auto api = node("api");
  ASSERT_NE(api, nullptr);
  api->request("metrics", request, kPatience, [&](const Result<bus::v1::Reply>& reply) {
    history.set_value(reply ? reply->health_history() : v1::HealthHistory{});
  });
  const v1::HealthHistory told_history = history.get_future().get();
  EXPECT_EQ(told_history.now().stream_id(), "cam1");
  EXPECT_GE(told_history.points_size(), 1);

  bus::v1::Event ended;
  ended.set_key("stream/cam1");
  ended.set_retracted(true);
  ended.mutable_stream_ended()->set_stream_id("cam1");
  ended.mutable_stream_ended()->set_publication_id(5);
  ingest->publish(ended);
  EXPECT_TRUE(wait([&] { return count(false) > 0; }));
  EXPECT_EQ(count(false), 1);
}

TEST_F(MetricsProgram, KnowsTheLiveStreamsAgainAfterItWasKilled) {
  const auto who_may_watch = auth();
  const auto ingest = node("ingest");
  ASSERT_NE(ingest, nullptr);
  ingest->publish(published());
  EXPECT_TRUE(shows("stream=\"cam1\""));
  end(SIGKILL);
  start();
  EXPECT_TRUE(shows("stream=\"cam1\""));
}

TEST_F(MetricsProgram, SaysThatAServiceIsDownAndKeepsAnswering) {
  auto ingest = node("ingest");
  ASSERT_NE(ingest, nullptr);
  EXPECT_TRUE(shows("millrace_service_up{service=\"ingest\"} 1\n"));
  ingest.reset();
  EXPECT_TRUE(shows("millrace_service_up{service=\"ingest\"} 0\n"));
  EXPECT_EQ(http::testing::status_of(get("/readyz")), 200);
  EXPECT_THAT(get("/readyz"), HasSubstr("silent"));
}

TEST_F(MetricsProgram, IsForThisMachineUnlessThereIsAToken) {
  end(SIGTERM);
  spawn({"METRICS_ADDRESS=0.0.0.0"});
  EXPECT_EQ(wait_for_exit(), 64);
  const std::string token = home_ + "/token";
  std::ofstream(token) << "a-token-of-good-length\n";
  start({"METRICS_ADDRESS=0.0.0.0", "METRICS_TOKEN_FILE=" + token});
  EXPECT_EQ(http::testing::status_of(get("/metrics")), 401);
  EXPECT_EQ(http::testing::status_of(get("/metrics", "Authorization: Bearer a-token-of-good-length\r\n")),
            200);
  EXPECT_EQ(http::testing::status_of(get("/healthz")), 200);
  EXPECT_THAT(get("/readyz"), ::testing::Not(HasSubstr("silent")));
}

}  // namespace
}  // namespace millrace::metrics
