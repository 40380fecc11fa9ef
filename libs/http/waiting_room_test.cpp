#include "http/waiting_room.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <stdexcept>
#include <thread>

#include "base/clock.hpp"
#include "http/test_client.hpp"

namespace millrace::http {
namespace {

using std::chrono::milliseconds;
using testing::body_of;
using testing::field_of;
using testing::status_of;
using testing::TestClient;

constexpr std::int64_t kHour = 3'600'000'000;

template <class Condition>
bool eventually(Condition condition) {
  for (int i = 0; i < 4000; ++i) {
    if (condition()) return true;
    std::this_thread::sleep_for(milliseconds(5));
  }
  return false;
}

// GET /<topic>/<number> waits until the counter has come so far; "?own" waits for an answer of its own.
// /now does not wait, /never is not answered at all.
class WaitingRoomTest : public ::testing::Test {
 protected:
  void start(WaitingRoom::Limits limits, ServerConfig config = {}) {
    room_.emplace(limits);
    auto started = Server::start(std::move(config), [this](Request&& request, const Responder& responder) {
      handle(request, responder);
    });
    ASSERT_TRUE(started.has_value()) << started.error().message;
    server_ = std::move(*started);
  }

  void handle(const Request& request, const Responder& responder) {
    if (request.path == "/now") return responder(Response::text(200, "text/plain", "now"));
    if (request.path == "/never") return never_.push_back(responder);
    const std::size_t slash = request.path.find('/', 1);
    const std::string topic = request.path.substr(1, slash - 1);
    const std::string number = request.path.substr(slash + 1);
    const bool own = request.raw_query == "own";
    const auto ready = [this, topic, number]() -> std::optional<Response> {
      ++tried_;
      if (topic == "broken") throw std::runtime_error("defect");
      if (counter_ < std::stoi(number)) return std::nullopt;
      return Response::text(200, "text/plain", topic + " has " + number);
    };
    if (!room_->wait(topic, request.peer_address, responder, deadline_us_, ready,
                     Response::text(503, "text/plain", "expired"), own ? std::string() : number))
      responder(Response::text(503, "text/plain", "full"));
  }

  std::unique_ptr<TestClient> ask(const std::string& target, std::size_t waiting) {
    auto client = std::make_unique<TestClient>(server_->port());
    client->send("GET " + target + " HTTP/1.1\r\nHost: x\r\n\r\n");
    EXPECT_TRUE(eventually([&] { return room_->waiting() == waiting; })) << target;
    return client;
  }
  void reach(int number, std::string_view topic) {
    counter_ = number;
    room_->wake(topic);
  }

  std::atomic<int> counter_{0};
  std::atomic<int> tried_{0};
  std::int64_t deadline_us_ = monotonic_us() + kHour;
  std::vector<Responder> never_;
  std::optional<WaitingRoom> room_;
  std::unique_ptr<Server> server_;
};

TEST_F(WaitingRoomTest, AnswersThoseWhoseTopicHasCome) {
  start({100, 0});
  const auto first = ask("/cam/1", 1);
  const auto second = ask("/cam/2", 2);
  const auto other = ask("/other/1", 3);
  reach(1, "cam");
  EXPECT_EQ(body_of(first->read_answer()), "cam has 1");
  EXPECT_EQ(room_->waiting(), 2U);
  reach(2, "cam");
  EXPECT_EQ(body_of(second->read_answer()), "cam has 2");
  reach(2, "unknown");
  EXPECT_EQ(room_->waiting(), 1U);
  reach(2, "other");
  EXPECT_EQ(body_of(other->read_answer()), "other has 1");
  EXPECT_EQ(room_->waiting(), 0U);
}

TEST_F(WaitingRoomTest, MakesAnAnswerOnceForAllWhoWaitForIt) {
  ServerConfig config;
  config.threads = 2;
  start({1000, 0}, config);
  std::vector<std::unique_ptr<TestClient>> clients;
  for (std::size_t i = 0; i < 300; ++i) clients.push_back(ask("/cam/1", i + 1));
  ASSERT_TRUE(eventually([&] { return tried_ == 300; }));
  room_->wake("cam");
  EXPECT_EQ(tried_, 301);
  reach(1, "cam");
  EXPECT_EQ(tried_, 302);
  for (const auto& client : clients) EXPECT_EQ(body_of(client->read_answer()), "cam has 1");
}

TEST_F(WaitingRoomTest, TriesThoseWithAnAnswerOfTheirOwnByThemselves) {
  start({100, 0});
  std::vector<std::unique_ptr<TestClient>> clients;
  for (std::size_t i = 0; i < 3; ++i) clients.push_back(ask("/cam/1?own", i + 1));
  ASSERT_TRUE(eventually([&] { return tried_ == 3; }));
  reach(1, "cam");
  EXPECT_EQ(tried_, 6);
  for (const auto& client : clients) EXPECT_EQ(body_of(client->read_answer()), "cam has 1");
}

TEST_F(WaitingRoomTest, TriesAgainAfterGettingInLine) {
  start({100, 0});
  counter_ = 7;
  TestClient client(server_->port());
  client.send("GET /cam/7 HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_EQ(body_of(client.read_answer()), "cam has 7");
  EXPECT_EQ(room_->waiting(), 0U);
}

// A number comes as soon as one client has the one before, while both are about to wait for it.
TEST_F(WaitingRoomTest, MissesNoWakeUp) {
  ServerConfig config;
  config.threads = 2;
  start({100, 0}, config);
  constexpr int kNumbers = 2000;
  std::atomic<int> asked{0};  // the highest number that a client has asked for
  std::atomic<int> missed{0};
  const auto run_client = [&](const std::string& suffix) {
    TestClient client(server_->port());
    for (int number = 1; number <= kNumbers; ++number) {
      client.send("GET /cam/" + std::to_string(number) + suffix + " HTTP/1.1\r\nHost: x\r\n\r\n");
      int before = asked;
      while (before < number && !asked.compare_exchange_weak(before, number)) {
      }
      if (missed == 0 && status_of(client.read_answer()) != 200) ++missed;
    }
  };
  std::thread one([&] { run_client(""); });
  std::thread other([&] { run_client("?own"); });
  for (int number = 1; number <= kNumbers; ++number) {
    while (asked < number) std::this_thread::yield();
    reach(number, "cam");
  }
  one.join();
  other.join();
  EXPECT_EQ(missed, 0);
}

TEST_F(WaitingRoomTest, AnswersThoseWhoseTimeIsOverAtTheNextSweep) {
  start({100, 0});
  const auto early = ask("/cam/1", 1);
  deadline_us_ += 1;
  const auto late = ask("/cam/1", 2);
  room_->sweep(deadline_us_ - 2);
  EXPECT_EQ(room_->waiting(), 2U);
  room_->sweep(deadline_us_ - 1);
  const std::string answer = early->read_answer();
  EXPECT_EQ(status_of(answer), 503);
  EXPECT_EQ(body_of(answer), "expired");
  EXPECT_EQ(field_of(answer, "Connection"), "keep-alive");
  EXPECT_EQ(room_->waiting(), 1U);
  reach(1, "cam");
  EXPECT_EQ(body_of(late->read_answer()), "cam has 1");
}

TEST_F(WaitingRoomTest, RefusesMoreThanItsLimits) {
  struct Case {
    WaitingRoom::Limits limits;
    std::size_t waiting;
  };
  for (const Case& c : {Case{{2, 0}, 2}, Case{{100, 3}, 3}, Case{{0, 0}, 0}}) {
    start(c.limits);
    std::vector<std::unique_ptr<TestClient>> clients;
    for (std::size_t i = 0; i < c.waiting; ++i) clients.push_back(ask("/cam/1", i + 1));
    TestClient refused(server_->port());
    refused.send("GET /cam/1 HTTP/1.1\r\nHost: x\r\n\r\n");
    EXPECT_EQ(body_of(refused.read_answer()), "full");
    counter_ = 1;
    room_->wake("cam");
    for (const auto& client : clients) EXPECT_EQ(body_of(client->read_answer()), "cam has 1");
    counter_ = 0;
    EXPECT_EQ(room_->waiting(), 0U) << "there is room again";
    server_.reset();
  }
}

TEST_F(WaitingRoomTest, CountsTheClientsOfAProxyByThemselves) {
  ServerConfig config;
  config.proxies =
      TrustedProxies(net::IpNetworks::parse("127.0.0.1").value(), ForwardingField::kXForwardedFor);
  start({100, 1}, config);
  const auto ask_for = [&](const std::string& address) {
    auto client = std::make_unique<TestClient>(server_->port());
    client->send("GET /cam/1 HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: " + address + "\r\n\r\n");
    return client;
  };
  const auto one = ask_for("2001:db8::1");
  ASSERT_TRUE(eventually([&] { return room_->waiting() == 1; }));
  EXPECT_EQ(body_of(ask_for("2001:db8::2")->read_answer()), "full") << "of the same /64";
  const auto other = ask_for("198.51.100.4");
  EXPECT_TRUE(eventually([&] { return room_->waiting() == 2; }));
}

TEST_F(WaitingRoomTest, ForgetsClientsThatHaveLeft) {
  for (const char* behind : {"", "GET /now HTTP/1.1\r\nHost: x\r\n\r\n"}) {
    start({1, 0});
    TestClient leaving(server_->port());
    leaving.send(std::string("GET /cam/1 HTTP/1.1\r\nHost: x\r\n\r\n") + behind);
    ASSERT_TRUE(eventually([&] { return room_->waiting() == 1; }));
    leaving.reset();
    EXPECT_TRUE(eventually([&] {
      room_->sweep(0);
      return room_->waiting() == 0;
    })) << behind;
    const auto next = ask("/cam/1", 1);
    reach(1, "cam");
    EXPECT_EQ(body_of(next->read_answer()), "cam has 1");
    counter_ = 0;
    server_.reset();
  }
}

TEST_F(WaitingRoomTest, KeepsWhatComesBehindAWaitingRequestInOrder) {
  start({100, 0});
  TestClient client(server_->port());
  client.send("GET /cam/1 HTTP/1.1\r\nHost: x\r\n\r\nGET /now HTTP/1.1\r\nHost: x\r\n\r\n");
  ASSERT_TRUE(eventually([&] { return room_->waiting() == 1; }));
  // Later, in more than one read.
  std::string more;
  for (int i = 0; i < 1000; ++i) more += "GET /now HTTP/1.1\r\nHost: x\r\n\r\n";
  client.send(more);
  reach(1, "cam");
  EXPECT_EQ(body_of(client.read_answer()), "cam has 1");
  for (int i = 0; i < 1001; ++i) ASSERT_EQ(body_of(client.read_answer()), "now") << i;
}

TEST_F(WaitingRoomTest, LetsARequestWaitLongerThanHandlersMay) {
  ServerConfig config;
  config.limits.answer_deadline = milliseconds(100);
  config.limits.idle_deadline = milliseconds(100);
  start({100, 0}, config);
  const auto waiting = ask("/cam/1", 1);
  TestClient unanswered(server_->port());
  unanswered.send("GET /never HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_EQ(status_of(unanswered.read_all()), 503);
  reach(1, "cam");
  EXPECT_EQ(body_of(waiting->read_answer()), "cam has 1");
  // Where nobody sweeps, the server's deadline is behind the request's.
  deadline_us_ = monotonic_us();
  const auto forgotten = ask("/cam/2", 1);
  EXPECT_EQ(field_of(forgotten->read_all(), "Content-Type"), "application/problem+json");
}

TEST_F(WaitingRoomTest, GoesOnWhenAReadyFunctionThrows) {
  start({100, 0});
  const auto broken = ask("/broken/1", 1);
  const auto cam = ask("/cam/1", 2);
  reach(1, "broken");
  reach(1, "cam");
  EXPECT_EQ(body_of(cam->read_answer()), "cam has 1");
  room_->sweep(deadline_us_);
  EXPECT_EQ(body_of(broken->read_answer()), "expired");
}

TEST_F(WaitingRoomTest, DrainAnswersAllAndLetsNobodyIn) {
  start({100, 0});
  const auto waiting = ask("/cam/1", 1);
  room_->drain();
  EXPECT_EQ(body_of(waiting->read_answer()), "expired");
  TestClient late(server_->port());
  late.send("GET /cam/1 HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_EQ(body_of(late.read_answer()), "full");
  server_->drain(milliseconds(60'000));
  EXPECT_EQ(server_->statistics().pending, 0U);
}

TEST_F(WaitingRoomTest, WaitingRequestsAreRunningOnesForTheServersDrain) {
  start({100, 0});
  const auto waiting = ask("/cam/1", 1);
  std::thread drain([&] { server_->drain(milliseconds(60'000)); });
  EXPECT_TRUE(eventually([&] {
    TestClient late(server_->port());
    late.send("GET /now HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    return testing::status_of(late.read_all()) == 503;
  }));
  room_->drain();
  const std::string answer = waiting->read_all();
  EXPECT_EQ(body_of(answer), "expired");
  EXPECT_EQ(field_of(answer, "Connection"), "close");
  drain.join();
}

}  // namespace
}  // namespace millrace::http
