// The program itself, killed again and again while a stream is written and watched: a viewer sees no number
// step back, no listed segment missing, no name with other bytes.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <fstream>
#include <map>
#include <random>
#include <sstream>
#include <thread>

#include "base/clock.hpp"
#include "bus/node.hpp"
#include "bus/v1/bus.pb.h"
#include "http/test_client.hpp"
#include "test_publisher.hpp"

namespace millrace::packaging {
namespace {

using namespace std::chrono_literals;
using http::testing::body_of;
using http::testing::status_of;

constexpr auto kFrameEvery = 20ms;  // twice real time
constexpr int kKills = 12;
constexpr int kWindow = 20;
// The stream is never further ahead of what the viewer has seen than this: however slow the machine is, what
// is listed is not older than what packaging promises to keep (two windows).
constexpr std::int64_t kLeadSegments = 15;

class Program {
 public:
  explicit Program(const std::string& home) : home_(home), ports_(home + "/run/packaging.ports") {}
  ~Program() {
    if (process_ > 0) kill_hard();
  }
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;

  void start() {
    std::error_code ignored;
    std::filesystem::remove(ports_, ignored);
    process_ = ::fork();
    if (process_ != 0) return;
    ::setenv("MILLRACE_HOME", home_.c_str(), 1);
    ::setenv("MEDIA_LOG_DIR", home_.c_str(), 1);
    ::setenv("HLS_WINDOW_SEGMENTS", std::to_string(kWindow).c_str(), 1);
    ::setenv("LOG_LEVEL", "warning", 1);
    for (const char* name : {"HLS_PORT", "PACKAGING_OPS_PORT"}) ::setenv(name, "0", 1);
    for (const char* name : {"BUS_DIR", "BUS_BIND", "BUS_INGEST", "BUS_PACKAGING", "BUS_AUTH"})
      ::unsetenv(name);
    ::execl(MILLRACE_PACKAGING_PROGRAM, MILLRACE_PACKAGING_PROGRAM, nullptr);
    ::_exit(127);
  }
  void kill_hard() {
    ::kill(process_, SIGKILL);
    ::waitpid(process_, nullptr, 0);
    process_ = 0;
  }
  // Of this start; 0 while it does not listen.
  std::uint16_t port() const {
    std::ifstream file(ports_);
    for (std::string line; std::getline(file, line);) {
      if (line.starts_with("HLS_PORT=")) return static_cast<std::uint16_t>(std::stoi(line.substr(9)));
    }
    return 0;
  }
  bool wait_for_port() const {
    for (const auto end = std::chrono::steady_clock::now() + 20s; std::chrono::steady_clock::now() < end;) {
      if (port() != 0) return true;
      std::this_thread::sleep_for(5ms);
    }
    return false;
  }

 private:
  std::string home_;
  std::string ports_;
  pid_t process_ = 0;
};

// An auth that has said who may watch: everybody.
std::unique_ptr<bus::Node> start_auth(const std::string& home) {
  bus::EndpointsConfig config;
  config.home = home;
  auto node =
      bus::Node::start({.service = "auth", .endpoints = bus::endpoints(config).value(), .limits = {}});
  if (!node) throw std::runtime_error(node.error().message);
  bus::v1::Event all;
  all.set_key("watching-facts");
  all.mutable_watching_facts()->set_complete(true);
  (*node)->publish(std::move(all));
  return std::move(*node);
}

// Polls one rendition's playlist and what it lists as fast as it can; what went wrong is in faults.
class Viewer {
 public:
  explicit Viewer(std::string rendition) : path_("/live/s1/" + std::move(rendition) + "/") {}

  // An answer counts only if it is whole: a program killed in mid-answer is no fault.
  void look(std::uint16_t port) {
    const std::string playlist = get(port, "index.m3u8");
    if (!whole(playlist)) return;
    if (status_of(playlist) != 200) return fault("playlist: " + std::to_string(status_of(playlist)));
    ++playlists;
    std::istringstream lines{std::string(body_of(playlist))};
    std::uint64_t number = 0;
    for (std::string line; std::getline(lines, line);) {
      if (line.starts_with("#EXT-X-MEDIA-SEQUENCE:")) {
        number = std::stoull(line.substr(22));
        if (number < first_) fault("the first number stepped back");
        first_ = number;
      } else if (line.starts_with("#EXT-X-MAP:URI=\"")) {
        fetch(port, line.substr(16, line.size() - 17));
      } else if (line.starts_with("#EXTINF:")) {
        remember("duration of " + std::to_string(number), line);
      } else if (!line.starts_with('#') && !line.empty()) {
        if (!line.starts_with(std::to_string(number) + "-")) fault("wrong number: " + line);
        fetch(port, line);
        ++number;
      }
    }
    if (number < next_) fault("the last number stepped back");
    next_ = number;
    if (stream_first_ == 0) stream_first_ = first_;
    segments_seen = static_cast<std::int64_t>(next_ - stream_first_);
  }

  std::vector<std::string> faults;
  std::map<std::string, std::string> seen;
  int playlists = 0;
  std::atomic<std::int64_t> segments_seen{0};  // since the stream's first

 private:
  std::string get(std::uint16_t port, const std::string& name) const {
    http::testing::TestClient client(port);
    if (client.closed() || !client.send("GET " + path_ + name + " HTTP/1.1\r\nHost: x\r\n\r\n")) return {};
    return client.read_answer();
  }
  static bool whole(const std::string& answer) {
    return !answer.empty() &&
           http::testing::field_of(answer, "Content-Length") == std::to_string(body_of(answer).size());
  }
  void fetch(std::uint16_t port, const std::string& name) {
    const std::string answer = get(port, name);
    if (!whole(answer)) return;
    if (status_of(answer) != 200) return fault(name + ": " + std::to_string(status_of(answer)));
    remember(name, std::string(body_of(answer)));
  }
  void remember(const std::string& name, const std::string& content) {
    if (seen.emplace(name, content).first->second != content) fault(name + " changed");
  }
  void fault(const std::string& what) {
    if (faults.size() < 20) faults.push_back(what);
  }

  const std::string path_;
  std::uint64_t first_ = 0;
  std::uint64_t next_ = 0;
  std::uint64_t stream_first_ = 0;
};

TEST(Restart, ShowsAViewerNothingOfAProgramKilledAgainAndAgain) {
  ScratchDirectory home;
  const auto arena = make_arena(home.path());
  ASSERT_NE(arena, nullptr);
  TestPublisher publisher(*arena, {});
  publisher.groups(3, monotonic_us());
  // A rendition beside it, newer and with numbers of its own: the viewer sees nothing of that either.
  const auto ladder = make_arena(home.path(), "ladder");
  ASSERT_NE(ladder, nullptr);
  TestPublisher rendition(*ladder, {.publication_id = PublicationId{0xC3},
                                    .epoch = Epoch{9},
                                    .role = media::LogRole::kRendition,
                                    .rendition = "360p",
                                    .origin = PublicationId{0xA1},
                                    .started_wall = WallTime::from_us(1'900'000'000'000'000)});

  Viewer viewer("v0");
  Viewer listener("a0");
  std::atomic<bool> stop{false};
  std::thread writing([&] {
    while (!stop) {
      const std::int64_t lead = publisher.now_ms() / kGroupMs -
                                std::min(viewer.segments_seen.load(), listener.segments_seen.load());
      if (lead < kLeadSegments) {
        publisher.frame(monotonic_us());
        rendition.frame(monotonic_us());
      }
      arena->maintain(monotonic_us());
      ladder->maintain(monotonic_us());
      std::this_thread::sleep_for(kFrameEvery);
    }
  });

  const std::unique_ptr<bus::Node> auth = start_auth(home.path());
  std::mt19937 random(20261120);
  std::uniform_int_distribution<int> life_ms(0, 700);
  Program program(home.path());
  for (int kills = 0; kills < kKills; ++kills) {
    program.start();
    if (!program.wait_for_port()) break;
    const std::uint16_t port = program.port();
    // Some lives end while the viewer is in the middle of an answer.
    std::thread killer([&, life = std::chrono::milliseconds(life_ms(random))] {
      std::this_thread::sleep_for(life);
      program.kill_hard();
    });
    for (const auto end = std::chrono::steady_clock::now() + 700ms; std::chrono::steady_clock::now() < end;) {
      viewer.look(port);
      listener.look(port);
    }
    killer.join();
  }
  program.start();
  EXPECT_TRUE(program.wait_for_port());
  viewer.look(program.port());
  listener.look(program.port());
  stop = true;
  writing.join();

  for (const Viewer* const each : {&viewer, &listener}) {
    for (const std::string& fault : each->faults) ADD_FAILURE() << fault;
    EXPECT_GE(each->playlists, kKills / 2);
    EXPECT_GE(each->seen.size(), 40U);
  }
}

}  // namespace
}  // namespace millrace::packaging
