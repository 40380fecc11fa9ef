#include "http/upstream.hpp"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
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

// Keeps the requests of a server and answers them on demand.
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

// With the id of its request, as the pool's servers have to.
Response answer_to(const Request& request, int status, std::string text) {
  Response response = Response::text(status, "text/plain", std::move(text));
  response.headers.add(kUpstreamIdField, request.headers.find(kUpstreamIdField));
  return response;
}

void echo(Request&& request, const Responder& respond) {
  Response response = answer_to(request, 201,
                                request.method_name + " " + request.path + " " +
                                    std::string(request.headers.find("X-Test")) + request.body);
  response.headers.add("X-Answer", "yes");
  respond(std::move(response));
}

// A server of a few lines: what it sends is the test's, byte by byte.
class RawServer {
 public:
  // From the id of a request (the number-th, counted from 0) to the bytes that come back.
  using Script = std::function<std::string(int number, const std::string& id)>;

  explicit RawServer(Script script) : script_(std::move(script)) {
    listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    EXPECT_EQ(::bind(listener_, reinterpret_cast<const sockaddr*>(&address), size), 0);
    EXPECT_EQ(::listen(listener_, 8), 0);
    ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { serve(); });
  }
  ~RawServer() {
    ::shutdown(listener_, SHUT_RDWR);
    thread_.join();
    ::close(listener_);
  }
  std::uint16_t port() const { return port_; }
  std::vector<std::string> requests() {
    const std::lock_guard lock(mutex_);
    return requests_;
  }
  void hang_up() {
    const std::lock_guard lock(connection_mutex_);
    ::shutdown(connection_, SHUT_RDWR);
  }
  // To the connection that is open, whether anybody asked or not.
  void send(const std::string& bytes) {
    const std::lock_guard lock(connection_mutex_);
    ::send(connection_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
  }

 private:
  // One connection at a time, as a pool of one has them.
  void serve() {
    int number = 0;
    for (int next = ::accept(listener_, nullptr, nullptr); next >= 0;
         next = ::accept(listener_, nullptr, nullptr)) {
      hold(next);
      std::string text;
      std::array<char, 4096> piece{};
      for (ssize_t got = ::recv(next, piece.data(), piece.size(), 0); got > 0;
           got = ::recv(next, piece.data(), piece.size(), 0)) {
        text.append(piece.data(), static_cast<std::size_t>(got));
        if (!text.ends_with("\r\n\r\n")) continue;
        const std::string name = std::string(kUpstreamIdField) + ": ";
        const std::size_t at = text.find(name) + name.size();
        const std::string id = text.substr(at, text.find("\r\n", at) - at);
        {
          const std::lock_guard lock(mutex_);
          requests_.push_back(std::exchange(text, {}));
        }
        send(script_(number++, id));
      }
      hold(-1);
      ::close(next);
    }
  }
  void hold(int connection) {
    const std::lock_guard lock(connection_mutex_);
    connection_ = connection;
  }

  const Script script_;
  int listener_ = -1;
  std::uint16_t port_ = 0;
  std::mutex connection_mutex_;
  int connection_ = -1;
  std::mutex mutex_;
  std::vector<std::string> requests_;
  std::thread thread_;
};

std::string raw_answer(const std::string& fields, const std::string& text) {
  return "HTTP/1.1 200 OK\r\n" + fields + "Content-Length: " + std::to_string(text.size()) + "\r\n\r\n" +
         text;
}
std::string raw_answer_to(const std::string& id, const std::string& text) {
  return raw_answer(std::string(kUpstreamIdField) + ": " + id + "\r\n", text);
}

UpstreamConfig one_connection() {
  UpstreamConfig config;
  config.connections = 1;
  return config;
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
  Response late_answer;
  const auto server = serve([&](Request&& request, const Responder& respond) {
    if (request.path == "/slow") {
      late_answer = answer_to(request, 200, "late");
      return held.add(respond);
    }
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
  EXPECT_EQ(text_of(behind.get()), "http.unsent") << "the server knows nothing of it";
  const Responder late = held.take();
  EXPECT_TRUE(late.connected());
  late(late_answer);
  EXPECT_EQ(text_of(send(upstream, get("/next")).get()), "GET /next ");
  EXPECT_EQ(upstream.statistics().connects, 1U);
  EXPECT_EQ(upstream.statistics().deadlines, 1U);
  EXPECT_EQ(upstream.statistics().unsent, 1U);
  EXPECT_EQ(upstream.statistics().answers, 2U) << "the late one too";
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

TEST(Upstream, NoticesThatAnIdleConnectionWasClosed) {
  ServerConfig config;
  config.limits.idle_deadline = milliseconds(50);
  const auto server = serve(echo, config);
  Upstream upstream({});
  upstream.connect_to(server->port());
  EXPECT_EQ(text_of(send(upstream, get("/a")).get()), "GET /a ");
  for (int i = 0; i < 4000 && server->statistics().connections > 0; ++i)
    std::this_thread::sleep_for(milliseconds(5));
  EXPECT_EQ(text_of(send(upstream, get("/b")).get()), "GET /b ");
  EXPECT_EQ(upstream.statistics().connects, 2U);
  EXPECT_EQ(upstream.statistics().failures, 0U);
}

TEST(Upstream, TriesAGetOnceMoreWhenTheConnectionBreaksUnderIt) {
  RawServer server([&](int number, const std::string& id) {
    return number == 0 ? std::string() : raw_answer_to(id, std::to_string(number));
  });
  Upstream upstream(one_connection());
  upstream.connect_to(server.port());
  auto answer = send(upstream, get("/a"));
  while (server.requests().empty()) std::this_thread::sleep_for(milliseconds(1));
  server.hang_up();
  EXPECT_EQ(text_of(answer.get()), "1");
  EXPECT_EQ(upstream.statistics().failures, 1U);
}

TEST(Upstream, ReportsAnAnswerThatIsTooLarge) {
  const auto server = serve([](Request&& request, const Responder& respond) {
    respond(answer_to(request, 200, std::string(5000, 'x')));
  });
  UpstreamConfig config;
  config.answer_bytes = 1000;
  Upstream upstream(config);
  upstream.connect_to(server->port());
  EXPECT_EQ(text_of(send(upstream, get("/")).get()), "http.bad_answer");
  EXPECT_EQ(upstream.statistics().strays, 0U);
}

// Whatever shifted the answers of a connection: nobody gets another's.
TEST(Upstream, TakesNoAnswerThatIsNotItsRequestsOwn) {
  const std::string field = std::string(kUpstreamIdField) + ": ";
  const std::function<std::string(const std::string&)> wrong[] = {
      [](const std::string&) { return raw_answer("", "of another"); },
      [&](const std::string&) { return raw_answer(field + "0123456789abcdef\r\n", "of another"); },
      [&](const std::string&) { return raw_answer(field + "\r\n", "of another"); },
      [&](const std::string& id) { return raw_answer(field + id + "0\r\n", "of another"); },
      [&](const std::string& id) { return raw_answer(field + id + "\r\n" + field + id + "\r\n", "twice"); },
      [&](const std::string& id) {
        return raw_answer(field + "0\r\n" + field + id + "\r\n", "another's before it");
      },
      [](const std::string&) {
        return std::string("HTTP/1.1 413 Request Entity Too Large\r\nContent-Length: 0\r\n\r\n");
      },
  };
  const int cases = static_cast<int>(std::size(wrong));
  RawServer server([&](int number, const std::string& id) {
    return number < cases ? wrong[number](id) : raw_answer_to(id, "own");
  });
  Upstream upstream(one_connection());
  upstream.connect_to(server.port());
  for (int i = 0; i < cases; ++i) EXPECT_EQ(text_of(send(upstream, get("/")).get()), "http.bad_answer") << i;
  EXPECT_EQ(text_of(send(upstream, get("/")).get()), "own");
  EXPECT_EQ(upstream.statistics().strays, static_cast<std::uint64_t>(cases));
  EXPECT_EQ(upstream.statistics().connects, static_cast<std::uint64_t>(cases + 1)) << "none is used again";
  EXPECT_EQ(server.requests().size(), static_cast<std::size_t>(cases + 1)) << "none is asked twice";
}

TEST(Upstream, LeavesAConnectionWithBytesBehindTheAnswer) {
  const RawServer server([](int number, const std::string& id) {
    return raw_answer_to(id, "own") + (number == 0 ? raw_answer_to(id, "stray") : "");
  });
  Upstream upstream(one_connection());
  upstream.connect_to(server.port());
  for (int i = 0; i < 3; ++i) EXPECT_EQ(text_of(send(upstream, get("/")).get()), "own");
  EXPECT_EQ(upstream.statistics().strays, 1U);
  EXPECT_EQ(upstream.statistics().connects, 2U);
}

TEST(Upstream, LeavesAConnectionThatSpokeWhileNobodyAsked) {
  RawServer server([](int /*number*/, const std::string& id) { return raw_answer_to(id, "own"); });
  Upstream upstream(one_connection());
  upstream.connect_to(server.port());
  EXPECT_EQ(text_of(send(upstream, get("/")).get()), "own");
  server.send(raw_answer("", "stray"));
  EXPECT_EQ(text_of(send(upstream, get("/")).get()), "own");
  EXPECT_EQ(upstream.statistics().strays, 1U);
  EXPECT_EQ(upstream.statistics().connects, 2U);
}

TEST(Upstream, RefusesARequestThatTheServerMightFindTooLarge) {
  const auto server = serve(echo);
  UpstreamConfig config;
  config.request_bytes = 1000;
  Upstream upstream(config);
  upstream.connect_to(server->port());
  UpstreamRequest post = get("/");
  post.method = "POST";
  const auto ask = [&](std::size_t body) {
    post.body = std::string(body, 'x');
    return text_of(send(upstream, post).get());
  };
  std::size_t most = 1000;
  while (most > 0 && ask(most) == "http.too_large") --most;
  EXPECT_EQ(ask(most), "POST / " + std::string(most, 'x'));
  EXPECT_GT(most, 800U);
  EXPECT_LT(most, 900U) << "the header counts";
}

TEST(Upstream, SendsNoBodyWhereTheMethodHasNone) {
  RawServer server([](int /*number*/, const std::string& id) { return raw_answer_to(id, "own"); });
  Upstream upstream(one_connection());
  upstream.connect_to(server.port());
  UpstreamRequest request = get("/");
  request.body = "GET /smuggled HTTP/1.1\r\n\r\n";
  for (const char* method : {"GET", "DELETE"}) {
    request.method = method;
    EXPECT_EQ(text_of(send(upstream, request).get()), "own");
  }
  ASSERT_EQ(server.requests().size(), 2U);
  for (const std::string& sent : server.requests()) {
    EXPECT_EQ(sent.find("smuggled"), std::string::npos);
    EXPECT_EQ(sent.find("Content-Length"), std::string::npos);
  }
}

TEST(Upstream, SurvivesACallbackThatThrows) {
  const auto server = serve(echo);
  Upstream upstream(one_connection());
  upstream.connect_to(server->port());
  for (int i = 0; i < 3; ++i) {
    upstream.send(get("/a"), [](const Result<Response>&) { throw std::bad_alloc(); });
    EXPECT_EQ(text_of(send(upstream, get("/b")).get()), "GET /b ");
  }
  EXPECT_EQ(upstream.statistics().connects, 4U) << "the connection ends with it";
}

// One that throws is called first; whoever comes behind it is called all the same.
TEST(Upstream, OneCallbackThatThrowsCostsTheOthersNothing) {
  const auto thrower = [](const Result<Response>&) { throw std::bad_alloc(); };
  const auto is_told = [](std::future<Result<Response>> answer, const std::string& code) {
    ASSERT_EQ(answer.wait_for(std::chrono::seconds(20)), std::future_status::ready) << code;
    EXPECT_EQ(text_of(answer.get()), code);
  };
  {
    UpstreamConfig config;
    config.deadline = milliseconds(50);
    Upstream upstream(config);  // nowhere to go
    upstream.send(get("/a"), thrower);
    is_told(send(upstream, get("/b")), "http.unsent");
  }
  {
    Upstream upstream({});
    UpstreamRequest unwanted = get("/a");
    unwanted.wanted = [] { return false; };
    upstream.send(unwanted, thrower);
    auto behind = send(upstream, unwanted);
    upstream.connect_to(1);
    is_told(std::move(behind), "http.unwanted");
  }
  Held held;
  const auto server = serve([&](Request&& /*request*/, const Responder& respond) { held.add(respond); });
  UpstreamConfig config;
  config.connections = 2;
  Upstream upstream(config);
  upstream.connect_to(server->port());
  upstream.send(get("/a"), thrower);
  auto busy = send(upstream, get("/b"));
  const Responder first = held.take();
  const Responder second = held.take();
  upstream.send(get("/c"), thrower);
  auto queued = send(upstream, get("/d"));
  upstream.stop();
  is_told(std::move(busy), "http.stopped");
  is_told(std::move(queued), "http.stopped");
}

}  // namespace
}  // namespace millrace::http
