// Deadlines, limits, clients that leave, and drains.
#include <deque>

#include "http/server_test_fixture.hpp"

namespace millrace::http {
namespace {

TEST_F(ServerTest, ClosesClientsThatExceedADeadline) {
  ServerConfig config;
  config.limits.header_deadline = milliseconds(150);
  config.limits.body_deadline = milliseconds(150);
  config.limits.idle_deadline = milliseconds(300);
  config.limits.answer_deadline = milliseconds(150);
  config.limits.write_deadline = milliseconds(150);
  const std::string text = pattern(20'000'000);
  std::vector<Responder> held;
  start(
      [&](Request&& request, const Responder& respond) {
        if (request.path == "/never") return held.push_back(respond);
        Response response;
        response.body = MappedRegions{{as_bytes(text)}, nullptr, {}};
        respond(std::move(response));
      },
      config);
  TestClient silent(server_->port());
  TestClient slow_header(server_->port());
  slow_header.send("GET / HTTP/1.1\r\nHost");
  TestClient slow_body(server_->port());
  slow_body.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc");
  TestClient unanswered(server_->port());
  unanswered.send("GET /never HTTP/1.1\r\nHost: x\r\n\r\n");
  TestClient slow_reader(server_->port(), 4096);
  slow_reader.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_EQ(silent.read_all(), "");
  EXPECT_TRUE(silent.closed());
  EXPECT_EQ(status_of(slow_header.read_all()), 408);
  EXPECT_EQ(status_of(slow_body.read_all()), 408);
  EXPECT_EQ(status_of(unanswered.read_all()), 503);
  EXPECT_TRUE(eventually([&] { return server_->statistics().connections == 0; }));
  EXPECT_LT(slow_reader.read_all().size(), text.size());
  const Statistics statistics = server_->statistics();
  EXPECT_EQ(statistics.read_timeouts, 2U);
  EXPECT_EQ(statistics.answer_timeouts, 1U);
  EXPECT_EQ(statistics.write_timeouts, 1U);
  EXPECT_EQ(statistics.pending, 0U);
  held.front()(Response::text(200, "text/plain", "too late"));
}

TEST_F(ServerTest, EndsClientsThatSendEmptyLinesOnly) {
  ServerConfig config;
  config.limits.header_deadline = milliseconds(150);
  config.limits.idle_deadline = milliseconds(60'000);
  start(echo, config);
  TestClient slow(server_->port());
  slow.send("\r\n");
  EXPECT_EQ(slow.read_all(), "") << "as a client that sends nothing, but after header_deadline";
  EXPECT_TRUE(slow.closed());
  TestClient many(server_->port());
  std::string lines;
  for (int i = 0; i < 1000; ++i) lines += "\r\n";
  many.send(lines);
  EXPECT_EQ(status_of(many.read_all()), 400);
}

TEST_F(ServerTest, ServesOthersWhileManyClientsAreSlow) {
  start(echo);
  std::vector<std::unique_ptr<TestClient>> slow;
  for (int i = 0; i < 300; ++i) {
    slow.push_back(std::make_unique<TestClient>(server_->port()));
    slow.back()->send("GET / HTTP/1.1\r\nX: ");
  }
  EXPECT_EQ(body_of(exchange("GET /good HTTP/1.1\r\nHost: x\r\n\r\n")), "GET /good");
}

TEST_F(ServerTest, LimitsConnectionsInAllAndPerAddress) {
  for (const bool per_address : {false, true}) {
    ServerConfig config;
    (per_address ? config.limits.connections_per_address : config.limits.connections) = 2;
    start(echo, config);
    TestClient first(server_->port());
    TestClient second(server_->port());
    for (TestClient* client : {&first, &second}) {
      client->send("GET /in HTTP/1.1\r\nHost: x\r\n\r\n");
      EXPECT_EQ(body_of(client->read_answer()), "GET /in");
    }
    TestClient third(server_->port());
    third.send("GET /out HTTP/1.1\r\nHost: x\r\n\r\n");
    EXPECT_EQ(third.read_all(), "");
    first.reset();
    ASSERT_TRUE(eventually([&] { return server_->statistics().connections == 1; }));
    EXPECT_EQ(status_of(exchange("GET /again HTTP/1.1\r\nHost: x\r\n\r\n")), 200);
    EXPECT_EQ(server_->statistics().refused_connections, 1U);
  }
}

TEST_F(ServerTest, AnswersWith500WhenTheHandlerThrowsOrForgets) {
  start([](Request&& request, const Responder& /*respond*/) {
    if (request.path == "/throws") throw std::runtime_error("defect");
  });
  EXPECT_EQ(status_of(exchange("GET /throws HTTP/1.1\r\nHost: x\r\n\r\n")), 500);
  EXPECT_EQ(status_of(exchange("GET /forgets HTTP/1.1\r\nHost: x\r\n\r\n")), 500);
}

// Throws where it is asked to.
class Throwing final : public LiveStream {
 public:
  explicit Throwing(std::string where) : where_(std::move(where)) {}
  Progress pump(LiveOutput& /*output*/, std::int64_t /*now_us*/) override {
    if (where_ == "pump") throw std::length_error("pump");
    return Progress::kIdle;
  }
  void receive(ByteView /*bytes*/, std::int64_t /*now_us*/) override {
    if (where_ == "receive") throw std::bad_alloc();
  }
  bool is_polled() const override { return true; }
  void attach(const std::function<void()>& /*wake*/) override {
    if (where_ == "attach") throw std::runtime_error("attach");
  }

 private:
  const std::string where_;
};

TEST_F(ServerTest, AnExceptionCostsOneConnectionOnly) {
  start([](Request&& request, const Responder& respond) {
    if (request.path == "/good") return echo(std::move(request), respond);
    Response response;
    if (request.path == "/body") {
      auto bytes = std::make_shared<std::string>("bytes");
      response.body = MappedRegions{{as_bytes(*bytes)}, bytes, []() -> bool { throw 7; }};
    } else {
      response.live = std::make_shared<Throwing>(request.path.substr(1));
      if (request.path == "/receive") response.status = 101;
    }
    respond(std::move(response));
  });
  TestClient other(server_->port());
  for (const char* where : {"/attach", "/pump", "/receive", "/body"}) {
    TestClient client(server_->port());
    client.send(std::string("GET ") + where + " HTTP/1.1\r\nHost: x\r\n\r\n");
    if (where == std::string("/receive")) {
      EXPECT_EQ(status_of(client.read_answer(true)), 101);
      client.send("bytes");
    }
    (void)client.read_all();
    EXPECT_TRUE(client.closed()) << where;
    other.send("GET /good HTTP/1.1\r\nHost: x\r\n\r\n");
    EXPECT_EQ(body_of(other.read_answer()), "GET /good") << where;
  }
  EXPECT_TRUE(eventually([&] { return server_->statistics().connections == 1; }));
  EXPECT_EQ(server_->statistics().pending, 0U);
}

TEST_F(ServerTest, CountsTheClientsOfATrustedProxyAndNotTheProxy) {
  ServerConfig config;
  config.limits.connections_per_address = 1;
  config.proxies =
      TrustedProxies(net::IpNetworks::parse("127.0.0.1").value(), ForwardingField::kXForwardedFor);
  start(
      [](Request&& request, const Responder& respond) {
        Response response = Response::text(200, "text/plain", request.peer_address);
        if (request.path == "/live") response.live = std::make_shared<Throwing>("nowhere");
        respond(std::move(response));
      },
      config);
  const auto ask = [](TestClient& client, const std::string& path, const std::string& chain) {
    client.send("GET " + path + " HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: " + chain + "\r\n\r\n");
  };
  TestClient first(server_->port());
  TestClient second(server_->port());
  TestClient third(server_->port());
  for (TestClient* client : {&first, &second, &third}) {
    ask(*client, "/", "203.0.113.9, 198.51.100.4");
    EXPECT_EQ(body_of(client->read_answer()), "198.51.100.4") << "the proxy has as many as it likes";
  }
  ask(first, "/live", "2001:db8::1");
  EXPECT_EQ(status_of(first.read_answer(true)), 200);
  ask(second, "/live", "2001:db8::2");
  EXPECT_EQ(status_of(second.read_answer()), 503) << "one /64 has one";
  ask(third, "/live", "198.51.100.5");
  EXPECT_EQ(status_of(third.read_answer(true)), 200);
  EXPECT_EQ(server_->statistics().refused_connections, 1U);
}

TEST_F(ServerTest, TakesTheFirstOfSeveralAnswersAndToleratesLateOnes) {
  std::promise<Responder> kept;
  start([&](Request&& /*request*/, const Responder& respond) {
    respond(Response::text(200, "text/plain", "first"));
    respond(Response::text(200, "text/plain", "second"));
    kept.set_value(respond);
  });
  TestClient client(server_->port());
  client.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_EQ(body_of(client.read_answer()), "first");
  const Responder late = kept.get_future().get();
  server_.reset();
  EXPECT_FALSE(late.connected());
  late(Response::text(200, "text/plain", "third"));
}

TEST_F(ServerTest, NoticesThatAWaitingClientHasLeft) {
  std::promise<Responder> kept;
  start([&](Request&& /*request*/, const Responder& respond) { kept.set_value(respond); });
  TestClient client(server_->port());
  client.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  const Responder respond = kept.get_future().get();
  EXPECT_TRUE(respond.connected());
  client.reset();
  EXPECT_TRUE(eventually([&] { return !respond.connected(); }));
  EXPECT_EQ(server_->statistics().aborted, 1U);
}

// HTTP/1.1 clients are sent an interim response first, which one that has gone answers with a reset.
TEST_F(ServerTest, AnswersAClientThatClosedItsHalfWhileItWaits) {
  const std::string interim = "HTTP/1.1 100 Continue\r\n\r\n";
  for (const std::string version : {"1.0", "1.1"}) {
    std::promise<Responder> kept;
    start([&](Request&& /*request*/, const Responder& respond) { kept.set_value(respond); });
    TestClient client(server_->port());
    client.send("GET / HTTP/" + version + "\r\nHost: x\r\n\r\n");
    client.finish_sending();
    const Responder respond = kept.get_future().get();
    std::this_thread::sleep_for(milliseconds(200));  // its end is noticed meanwhile
    EXPECT_TRUE(respond.connected());
    respond(Response::text(200, "text/plain", "late"));
    std::string answer = client.read_all();
    if (version == "1.1" && answer.starts_with(interim)) answer.erase(0, interim.size());
    EXPECT_EQ(status_of(answer), 200);
    EXPECT_EQ(body_of(answer), "late");
    EXPECT_EQ(field_of(answer, "Connection"), "close");
    EXPECT_TRUE(client.closed());
    EXPECT_EQ(server_->statistics().aborted, 0U);
  }
}

TEST_F(ServerTest, NoticesThatAWaitingClientHasClosed) {
  std::promise<Responder> kept;
  start([&](Request&& /*request*/, const Responder& respond) { kept.set_value(respond); });
  auto client = std::make_unique<TestClient>(server_->port());
  client->send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  const Responder respond = kept.get_future().get();
  client.reset();  // without a reset of its own
  EXPECT_TRUE(eventually([&] { return !respond.connected(); }));
  EXPECT_EQ(server_->statistics().aborted, 1U);
}

// What was received whole is answered, in order; what was not is nobody's.
TEST_F(ServerTest, AnswersWhatAClientAskedBeforeItClosedItsHalf) {
  for (const std::string rest : {"", "GET /c HTTP/1.1\r\nHos"}) {
    for (const int count : {1, 3, 2000}) {
      std::promise<Responder> kept;
      start([&](Request&& request, const Responder& respond) {
        if (request.path == "/slow") return kept.set_value(respond);
        respond(Response::text(200, "text/plain", request.path));
      });
      TestClient client(server_->port());
      std::string all = "GET /slow HTTP/1.1\r\nHost: x\r\n\r\n";
      for (int i = 0; i < count; ++i) all += "GET /" + std::to_string(i) + " HTTP/1.1\r\nHost: x\r\n\r\n";
      client.send(all + rest);
      client.finish_sending();
      const Responder respond = kept.get_future().get();
      std::this_thread::sleep_for(milliseconds(100));  // its end is noticed meanwhile
      respond(Response::text(200, "text/plain", "/late"));
      const std::string answers = client.read_all();
      EXPECT_TRUE(client.closed());
      std::size_t at = answers.find("\r\n\r\n/late");
      ASSERT_NE(at, std::string::npos) << answers;
      for (int i = 0; i < count && at != std::string::npos; ++i)
        at = answers.find("\r\n\r\n/" + std::to_string(i), at + 1);
      EXPECT_NE(at, std::string::npos) << "in order, all " << count;
      EXPECT_EQ(server_->statistics().requests, static_cast<std::uint64_t>(count) + 1);
      if (rest.empty() && count < 100) {
        EXPECT_EQ(field_of(answers.substr(answers.rfind("HTTP/1.1 ")), "Connection"), "close");
      }
    }
  }
}

TEST_F(ServerTest, NoticesThatAHalfClosedClientHasLeft) {
  std::promise<Responder> kept;
  start([&](Request&& /*request*/, const Responder& respond) { kept.set_value(respond); });
  TestClient client(server_->port());
  client.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  client.finish_sending();
  const Responder respond = kept.get_future().get();
  std::this_thread::sleep_for(std::chrono::milliseconds(200));
  client.reset();
  EXPECT_TRUE(eventually([&] { return !respond.connected(); }));
  EXPECT_EQ(server_->statistics().aborted, 1U);
}

TEST_F(ServerTest, DrainFinishesRunningRequestsAndClosesIdleConnections) {
  std::promise<Responder> kept;
  start([&](Request&& request, const Responder& respond) {
    if (request.path == "/slow") return kept.set_value(respond);
    echo(std::move(request), respond);
  });
  TestClient idle(server_->port());
  idle.send("GET /x HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_EQ(status_of(idle.read_answer()), 200);
  TestClient running(server_->port());
  running.send("GET /slow HTTP/1.1\r\nHost: x\r\n\r\n");
  const Responder respond = kept.get_future().get();
  std::thread drain([&] { server_->drain(milliseconds(20'000)); });
  EXPECT_EQ(idle.read_all(), "");
  respond(Response::text(200, "text/plain", "done"));
  const std::string answer = running.read_all();
  EXPECT_EQ(body_of(answer), "done");
  EXPECT_EQ(field_of(answer, "Connection"), "close");
  drain.join();
  TestClient refused(server_->port());
  EXPECT_TRUE(refused.closed());
}

// Comes to its end when it is told to, a moment after the server stops.
class EndsLater final : public LiveStream {
 public:
  Progress pump(LiveOutput& output, std::int64_t /*now_us*/) override {
    if (!ended) return Progress::kIdle;
    std::string text = "the end";
    const iovec part{text.data(), text.size()};
    if (std::exchange(sent, true)) return Progress::kEnded;
    return output.send({&part, 1}) > 0 ? Progress::kMore : Progress::kFailed;
  }
  bool ends_soon() const override { return true; }
  void attach(const std::function<void()>& to_wake) override {
    wake = to_wake;
    attached = true;
  }
  std::function<void()> wake;
  std::atomic<bool> attached{false};
  std::atomic<bool> ended{false};
  bool sent = false;
};

// Who comes while others are served to the end is asked to come again, and holds nobody up.
TEST_F(ServerTest, AnswersThoseWhoComeWhileItDrains) {
  std::promise<Responder> kept;
  start([&](Request&& request, const Responder& respond) {
    if (request.path == "/slow") return kept.set_value(respond);
    echo(std::move(request), respond);
  });
  TestClient running(server_->port());
  running.send("GET /slow HTTP/1.1\r\nHost: x\r\n\r\n");
  const Responder respond = kept.get_future().get();
  std::thread drain([&] { server_->drain(milliseconds(20'000)); });
  EXPECT_TRUE(eventually([&] { return ask_late() == 503; }));
  TestClient late(server_->port());
  late.send("GET /late HTTP/1.1\r\nHost: x\r\n\r\n");
  const std::string answer = late.read_all();
  EXPECT_EQ(status_of(answer), 503);
  EXPECT_EQ(field_of(answer, "Retry-After"), "1");
  EXPECT_EQ(field_of(answer, "Connection"), "close");
  EXPECT_EQ(field_of(answer, "Cache-Control"), "no-store");
  std::deque<TestClient> silent;
  for (int i = 0; i < 20; ++i) silent.emplace_back(server_->port());
  respond(Response::text(200, "text/plain", "done"));
  EXPECT_EQ(body_of(running.read_all()), "done");
  drain.join();
  EXPECT_TRUE(TestClient(server_->port()).closed());
}

TEST_F(ServerTest, LetsWhatEndsSoonComeToItsEndWhenItDrains) {
  const auto live = std::make_shared<EndsLater>();
  start([&](Request&& request, const Responder& respond) {
    if (request.path == "/late") return echo(std::move(request), respond);
    Response response;
    response.live = live;
    respond(std::move(response));
  });
  TestClient client(server_->port());
  client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  ASSERT_TRUE(eventually([&] { return live->attached.load(); }));
  std::thread drain([&] { server_->drain(milliseconds(20'000)); });
  EXPECT_TRUE(eventually([&] { return ask_late() == 503; }));  // the drain has begun
  live->ended = true;
  live->wake();
  EXPECT_TRUE(client.read_all().ends_with("7\r\nthe end\r\n0\r\n\r\n"));
  drain.join();
}

// A service that is not yet ready to answer refuses nobody.
TEST_F(ServerTest, LetsThoseWaitWhoComeBeforeItServes) {
  auto listening = Server::listen({});
  ASSERT_TRUE(listening.has_value()) << listening.error().message;
  server_ = std::move(*listening);
  TestClient client(server_->port());
  EXPECT_TRUE(client.send("GET /early HTTP/1.1\r\nHost: a\r\n\r\n"));
  server_->serve(echo);
  EXPECT_EQ(body_of(client.read_answer()), "GET /early");
}

TEST_F(ServerTest, MayBeGivenUpBeforeItServes) {
  auto listening = Server::listen({});
  ASSERT_TRUE(listening.has_value()) << listening.error().message;
  server_ = std::move(*listening);
  TestClient client(server_->port());
  server_.reset();
  EXPECT_EQ(client.read_all(), "");
  EXPECT_TRUE(client.closed());
}

TEST_F(ServerTest, NamesTheVariableWhenThePortIsInUse) {
  start(echo);
  ServerConfig config;
  config.port = server_->port();
  config.port_variable = "HLS_PORT";
  const auto second = Server::start(config, echo);
  ASSERT_FALSE(second.has_value());
  EXPECT_EQ(second.error().code, "net.port_in_use");
  EXPECT_EQ(second.error().message, "port " + std::to_string(config.port) + " (HLS_PORT) is in use");
  config.address = "example.org";
  EXPECT_EQ(Server::start(config, echo).error().code, "net.address");
}

TEST_F(ServerTest, GivesEveryClientItsOwnAnswerWhileOthersLeaveEarly) {
  ServerConfig config;
  config.threads = 2;
  std::mutex mutex;
  std::condition_variable wake;
  std::vector<std::pair<std::string, Responder>> queue;
  bool stop = false;
  std::thread answering([&] {
    std::unique_lock lock(mutex);
    while (true) {
      wake.wait(lock, [&] { return stop || !queue.empty(); });
      if (stop) return;
      auto batch = std::move(queue);
      queue.clear();
      lock.unlock();
      for (auto& [path, respond] : batch) respond(Response::text(200, "text/plain", path));
      lock.lock();
    }
  });
  start(
      [&](Request&& request, const Responder& respond) {
        const std::lock_guard lock(mutex);
        queue.emplace_back(request.path, respond);
        wake.notify_one();
      },
      config);
  std::atomic<int> wrong{0};
  std::atomic<int> right{0};
  const auto client_loop = [&](int number) {
    for (int i = 0; i < 200; ++i) {
      TestClient client(server_->port());
      const std::string path = "/" + std::to_string(number) + "/" + std::to_string(i);
      client.send("GET " + path + " HTTP/1.1\r\nHost: x\r\n\r\n");
      if (number % 2 == 0) {
        client.reset();
        continue;
      }
      (body_of(client.read_answer()) == path ? right : wrong) += 1;
    }
  };
  std::vector<std::thread> clients;
  clients.reserve(8);
  for (int i = 0; i < 8; ++i) clients.emplace_back(client_loop, i);
  for (std::thread& client : clients) client.join();
  EXPECT_EQ(wrong, 0);
  EXPECT_EQ(right, 800);
  server_.reset();
  {
    const std::lock_guard lock(mutex);
    stop = true;
  }
  wake.notify_one();
  answering.join();
}

}  // namespace
}  // namespace millrace::http
