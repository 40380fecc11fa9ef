// Answers without a length: in chunks, on connections that go on behind them.
#include <utility>

#include "base/clock.hpp"
#include "http/server_test_fixture.hpp"

namespace millrace::http {
namespace {

// Sends a text once it may, and ends. Gives up when it is asked at or after its deadline.
class Late final : public LiveStream {
 public:
  Progress pump(LiveOutput& output, std::int64_t now_us) override {
    if (!ready) {
      if (due_at_us == 0 || now_us < due_at_us) return Progress::kIdle;
      given_up = true;
      return Progress::kFailed;
    }
    if (std::exchange(sent_, true)) return Progress::kEnded;
    std::string text = "late";
    const iovec part{text.data(), text.size()};
    return output.send({&part, 1}) > 0 ? Progress::kMore : Progress::kFailed;
  }
  std::int64_t due_us() const override { return due_at_us; }
  void attach(const std::function<void()>& to_wake) override {
    wake = to_wake;
    attached = true;
  }
  void end() {
    ready = true;
    wake();
  }
  std::function<void()> wake;
  std::int64_t due_at_us = 0;
  std::atomic<bool> attached{false};
  std::atomic<bool> ready{false};
  std::atomic<bool> given_up{false};

 private:
  bool sent_ = false;
};

class LiveAnswerTest : public ServerTest {
 protected:
  // Paths below /live are of live_, each a stream of its own.
  void serve(ServerConfig config = {}) {
    start(
        [this](Request&& request, const Responder& respond) {
          if (!request.path.starts_with("/live")) return echo(std::move(request), respond);
          Response response;
          response.live = live_.at(served_++);
          respond(std::move(response));
        },
        std::move(config));
  }

  std::vector<std::shared_ptr<Late>> live_{std::make_shared<Late>(), std::make_shared<Late>()};
  std::size_t served_ = 0;
};

constexpr const char* kRest = "4\r\nlate\r\n0\r\n\r\n";

TEST_F(LiveAnswerTest, KeepsTheConnectionBehindItsEnd) {
  serve();
  TestClient client(server_->port());
  for (const std::shared_ptr<Late>& live : live_) {
    client.send("GET /live HTTP/1.1\r\nHost: a\r\n\r\n");
    const std::string header = client.read_answer(true);
    EXPECT_EQ(status_of(header), 200);
    EXPECT_NE(field_of(header, "Connection"), "close");
    ASSERT_TRUE(eventually([&] { return live->attached.load(); }));
    live->end();
    client.send("GET /next HTTP/1.1\r\nHost: a\r\n\r\n");
    EXPECT_EQ(client.read_answer(true), kRest);
    EXPECT_EQ(body_of(client.read_answer()), "GET /next");
  }
  EXPECT_EQ(server_->statistics().connections, 1U);
}

TEST_F(LiveAnswerTest, LeavesRequestsBehindItUntilItsEnd) {
  serve();
  TestClient client(server_->port());
  client.send("GET /live HTTP/1.1\r\nHost: a\r\n\r\nGET /a HTTP/1.1\r\nHost: a\r\n\r\n");
  ASSERT_TRUE(eventually([&] { return live_[0]->attached.load(); }));
  client.send("GET /b HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
  live_[0]->end();
  const std::string all = client.read_all();
  EXPECT_TRUE(client.closed());
  EXPECT_NE(all.find(std::string(kRest) + "HTTP/1.1 200"), std::string::npos) << all;
  EXPECT_NE(all.find("GET /a"), std::string::npos) << all;
  EXPECT_TRUE(all.ends_with("GET /b")) << all;
}

// However many of them there are: what is too much stays in the socket.
TEST_F(LiveAnswerTest, KeepsAFloodOfRequestsOutOfMemory) {
  serve();
  TestClient client(server_->port());
  client.send("GET /live HTTP/1.1\r\nHost: a\r\n\r\n");
  ASSERT_TRUE(eventually([&] { return live_[0]->attached.load(); }));
  constexpr std::size_t kMany = 4000;
  std::thread flood([&] {
    for (std::size_t i = 0; i < kMany; ++i) client.send("GET /flood HTTP/1.1\r\nHost: a\r\n\r\n");
    client.send("GET /last HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
  });
  live_[0]->end();
  const std::string all = client.read_all();
  flood.join();
  EXPECT_TRUE(all.ends_with("GET /last")) << all.substr(all.size() - std::min<std::size_t>(all.size(), 80));
  EXPECT_EQ(server_->statistics().requests, kMany + 2);
}

TEST_F(LiveAnswerTest, ComesToItsEndForAClientThatHasClosedItsHalf) {
  serve();
  TestClient client(server_->port());
  client.send("GET /live HTTP/1.1\r\nHost: a\r\n\r\n");
  ASSERT_TRUE(eventually([&] { return live_[0]->attached.load(); }));
  client.finish_sending();
  std::this_thread::sleep_for(milliseconds(50));  // seen or not, it makes no difference
  live_[0]->end();
  EXPECT_TRUE(client.read_all().ends_with(kRest));
  EXPECT_TRUE(client.closed());
}

TEST_F(LiveAnswerTest, AsksAtItsDeadlineThoughNobodyWakesIt) {
  serve();  // looks now and then, every 30 s
  live_[0]->due_at_us = monotonic_us() + 100'000;
  TestClient client(server_->port());
  client.send("GET /live HTTP/1.1\r\nHost: a\r\n\r\n");
  (void)client.read_all();
  EXPECT_TRUE(client.closed()) << "within the client's patience of 20 s";
  EXPECT_TRUE(live_[0]->given_up);
}

TEST_F(LiveAnswerTest, OfHttp10EndsWithItsConnection) {
  serve();
  TestClient client(server_->port());
  client.send("GET /live HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  ASSERT_TRUE(eventually([&] { return live_[0]->attached.load(); }));
  live_[0]->end();
  EXPECT_TRUE(client.read_all().ends_with("\r\n\r\nlate"));
  EXPECT_TRUE(client.closed());
}

TEST_F(LiveAnswerTest, GivesAProxysConnectionBack) {
  ServerConfig config;
  config.limits.connections_per_address = 1;
  config.proxies =
      TrustedProxies(net::IpNetworks::parse("127.0.0.1").value(), ForwardingField::kXForwardedFor);
  serve(std::move(config));
  const std::string request = "GET /live HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 198.51.100.7\r\n\r\n";
  TestClient first(server_->port());
  first.send(request);
  ASSERT_TRUE(eventually([&] { return live_[0]->attached.load(); }));
  live_[0]->end();
  first.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  (void)first.read_answer();
  TestClient second(server_->port());
  second.send(request);
  EXPECT_EQ(status_of(second.read_answer(true)), 200) << "the first connection is the proxy's again";
}

}  // namespace
}  // namespace millrace::http
