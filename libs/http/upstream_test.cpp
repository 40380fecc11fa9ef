#include "http/upstream.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <condition_variable>
#include <future>
#include <mutex>
#include <thread>

#include "http/server.hpp"

namespace millrace::http {
namespace {

using std::chrono::milliseconds;

std::unique_ptr<Server> serve(Handler handler, ServerConfig config = {}) {
  auto server = Server::start(std::move(config), std::move(handler));
  EXPECT_TRUE(server.has_value());
  return std::move(*server);
}

std::future<Result<Response>> send(Upstream& upstream, UpstreamRequest request) {
  auto promise = std::make_shared<std::promise<Result<Response>>>();
  auto future = promise->get_future();
  upstream.send(std::move(request),
                [promise](Result<Response> answer) { promise->set_value(std::move(answer)); });
  return future;
}

UpstreamRequest get(std::string target) {
  UpstreamRequest request;
  request.target = std::move(target);
  return request;
}

std::string text_of(const Result<Response>& answer) {
  return answer ? std::get<std::string>(answer->body) : std::string(answer.error().code);
}

// Keeps the requests of a server and answers them when told.
class Held {
 public:
  void add(Responder respond) {
    const std::lock_guard lock(mutex_);
    held_.push_back(std::move(respond));
    changed_.notify_all();
  }
  Responder take() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return !held_.empty(); });
    Responder respond = held_.front();
    held_.erase(held_.begin());
    return respond;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Responder> held_;
};

void echo(Request&& request, const Responder& respond) {
  Response response = Response::text(201, "text/plain",
                                     request.method_name + " " + request.path + " " +
                                         std::string(request.headers.find("X-Test")) + request.body);
  response.headers.add("X-Answer", "yes");
  respond(std::move(response));
}

TEST(Upstream, SendsRequestsOverPersistentConnections) {
  const auto server = serve(echo);
  Upstream upstream({});
  upstream.connect_to(server->port());
  UpstreamRequest post = get("/a%20b");
  post.method = "POST";
  post.headers.add("X-Test", "t");
  post.body = "body";
  const Result<Response> answer = send(upstream, post).get();
  ASSERT_TRUE(answer.has_value()) << answer.error().code;
  EXPECT_EQ(answer->status, 201);
  EXPECT_EQ(text_of(answer), "POST /a b tbody");
  EXPECT_EQ(answer->headers.find("x-answer"), "yes");
  for (int i = 0; i < 100; ++i)
    EXPECT_EQ(text_of(send(upstream, get("/" + std::to_string(i))).get()), "GET /" + std::to_string(i) + " ");
  EXPECT_EQ(upstream.statistics().connects, 1U);
}

TEST(Upstream, AnswersAtTheDeadlineAndGoesOnWithTheSameConnection) {
  Held held;
  const auto server = serve([&](Request&& request, const Responder& respond) {
    if (request.path == "/slow") return held.add(respond);
    echo(std::move(request), respond);
  });
  UpstreamConfig config;
  config.connections = 1;
  config.deadline = milliseconds(100);
  Upstream upstream(config);
  upstream.connect_to(server->port());
  auto slow = send(upstream, get("/slow"));
  auto behind = send(upstream, get("/behind"));
  EXPECT_EQ(text_of(slow.get()), "http.deadline");
  EXPECT_EQ(text_of(behind.get()), "http.deadline");
  const Responder late = held.take();
  EXPECT_TRUE(late.connected());
  late(Response::text(200, "text/plain", "late"));
  EXPECT_EQ(text_of(send(upstream, get("/next")).get()), "GET /next ");
  EXPECT_EQ(upstream.statistics().connects, 1U);
  EXPECT_EQ(upstream.statistics().deadlines, 2U);
}

TEST(Upstream, GivesUpAConnectionThatNeverAnswers) {
  Held held;
  const auto server = serve([&](Request&& /*request*/, const Responder& respond) { held.add(respond); });
  UpstreamConfig config;
  config.connections = 1;
  config.deadline = milliseconds(50);
  config.give_up = milliseconds(100);
  Upstream upstream(config);
  upstream.connect_to(server->port());
  EXPECT_EQ(text_of(send(upstream, get("/a")).get()), "http.deadline");
  const Responder first = held.take();
  auto second = send(upstream, get("/b"));
  (void)second.get();
  for (int i = 0; i < 4000 && first.connected(); ++i) std::this_thread::sleep_for(milliseconds(5));
  EXPECT_FALSE(first.connected());
  EXPECT_GE(upstream.statistics().abandoned, 1U);
}

TEST(Upstream, RefusesWhatDoesNotFitItsQueue) {
  UpstreamConfig config;
  config.queue = 2;
  Upstream upstream(config);  // nowhere to go
  auto first = send(upstream, get("/1"));
  auto second = send(upstream, get("/2"));
  EXPECT_EQ(text_of(send(upstream, get("/3")).get()), "http.overloaded");
  upstream.stop();
  EXPECT_EQ(text_of(first.get()), "http.stopped");
  EXPECT_EQ(text_of(second.get()), "http.stopped");
  EXPECT_EQ(text_of(send(upstream, get("/4")).get()), "http.stopped");
}

TEST(Upstream, DropsWaitingRequestsThatNobodyWantsAnyMore) {
  std::atomic<int> requests{0};
  const auto server = serve([&](Request&& request, const Responder& respond) {
    ++requests;
    echo(std::move(request), respond);
  });
  Upstream upstream({});  // nowhere to go yet
  UpstreamRequest unwanted = get("/unwanted");
  unwanted.wanted = [] { return false; };
  auto dropped = send(upstream, unwanted);
  UpstreamRequest wanted = get("/wanted");
  wanted.wanted = [] { return true; };
  auto answered = send(upstream, wanted);
  upstream.connect_to(server->port());
  EXPECT_EQ(text_of(dropped.get()), "http.unwanted");
  EXPECT_EQ(text_of(answered.get()), "GET /wanted ");
  EXPECT_EQ(requests, 1);
}

TEST(Upstream, FollowsTheServerToAnotherPortAndSurvivesItsAbsence) {
  auto server = serve(echo);
  UpstreamConfig config;
  config.reconnect = milliseconds(10);
  Upstream upstream(config);
  upstream.connect_to(server->port());
  EXPECT_EQ(text_of(send(upstream, get("/a")).get()), "GET /a ");
  server.reset();
  auto meanwhile = send(upstream, get("/b"));
  server = serve(echo);
  upstream.connect_to(server->port());
  EXPECT_EQ(text_of(meanwhile.get()), "GET /b ");
}

TEST(Upstream, TriesAGetOnceMoreWhenAnIdleConnectionWasClosed) {
  ServerConfig config;
  config.limits.idle_deadline = milliseconds(50);
  const auto server = serve(echo, config);
  Upstream upstream({});
  upstream.connect_to(server->port());
  EXPECT_EQ(text_of(send(upstream, get("/a")).get()), "GET /a ");
  for (int i = 0; i < 4000 && server->statistics().connections > 0; ++i)
    std::this_thread::sleep_for(milliseconds(5));
  EXPECT_EQ(text_of(send(upstream, get("/b")).get()), "GET /b ");
  EXPECT_EQ(upstream.statistics().failures, 1U);
}

TEST(Upstream, ReportsAnAnswerThatIsTooLarge) {
  const auto server = serve([](Request&& /*request*/, const Responder& respond) {
    respond(Response::text(200, "text/plain", std::string(5000, 'x')));
  });
  UpstreamConfig config;
  config.answer_bytes = 1000;
  Upstream upstream(config);
  upstream.connect_to(server->port());
  EXPECT_EQ(text_of(send(upstream, get("/")).get()), "http.bad_answer");
}

}  // namespace
}  // namespace millrace::http
