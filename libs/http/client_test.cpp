// The client against our own server and against bare sockets that misbehave.
#include "http/client.hpp"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <condition_variable>
#include <cstring>
#include <future>
#include <map>
#include <mutex>
#include <stdexcept>
#include <thread>

#include "http/server.hpp"
#include "net/egress_policy.hpp"
#include "net/unique_fd.hpp"

namespace millrace::http {
namespace {

using namespace std::chrono_literals;

std::unique_ptr<Server> serve(Handler handler) {
  auto server = Server::start({}, std::move(handler));
  EXPECT_TRUE(server.has_value());
  return std::move(*server);
}

std::string url_of(std::uint16_t port, const std::string& path = "/") {
  return "http://127.0.0.1:" + std::to_string(port) + path;
}

std::future<Result<CallAnswer>> send(Client& client, Call call) {
  auto promise = std::make_shared<std::promise<Result<CallAnswer>>>();
  auto future = promise->get_future();
  const Result<void> begun = client.call(
      std::move(call), [promise](Result<CallAnswer> answer) { promise->set_value(std::move(answer)); });
  if (!begun) promise->set_value(tl::unexpected<Error>(begun.error()));
  return future;
}

std::string outcome(const Result<CallAnswer>& answer) {
  return answer ? std::to_string(answer->status) : std::string(answer.error().code);
}

// Accepts, sends a text, and keeps the connection open until it is destroyed.
class Rude {
 public:
  explicit Rude(std::string text) : text_(std::move(text)) {
    listener_.reset(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(::bind(listener_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    EXPECT_EQ(::listen(listener_.get(), 16), 0);
    socklen_t size = sizeof address;
    ::getsockname(listener_.get(), reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] {
      for (;;) {
        net::UniqueFd peer(::accept(listener_.get(), nullptr, nullptr));
        if (!peer) return;
        char request[4096];
        if (::recv(peer.get(), request, sizeof request, 0) <= 0) continue;
        for (std::size_t sent = 0; sent < text_.size();) {
          const ssize_t count = ::send(peer.get(), text_.data() + sent, text_.size() - sent, MSG_NOSIGNAL);
          if (count <= 0) break;
          sent += static_cast<std::size_t>(count);
        }
        kept_.push_back(std::move(peer));
      }
    });
  }
  ~Rude() {
    ::shutdown(listener_.get(), SHUT_RDWR);
    thread_.join();
  }
  std::uint16_t port() const { return port_; }

 private:
  std::string text_;
  net::UniqueFd listener_;
  std::vector<net::UniqueFd> kept_;
  std::uint16_t port_ = 0;
  std::thread thread_;
};

TEST(HttpClient, SendsMethodHeadersAndBodyAndReadsTheAnswer) {
  const auto server = serve([](Request&& request, const Responder& respond) {
    Response response =
        Response::text(201, "text/plain",
                       request.method_name + " " + request.path + " " +
                           std::string(request.headers.find("rtmp-event")) + " " + request.body);
    response.headers.add("Stream-Id", " s1 ");
    respond(std::move(response));
  });
  Client client;
  Call call;
  call.url = url_of(server->port(), "/hook");
  call.headers = {{"rtmp-event", "a.b.c"}};
  call.body = "x=1";
  const Result<CallAnswer> answer = send(client, call).get();
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_EQ(answer->status, 201);
  EXPECT_EQ(answer->header("stream-id"), "s1");
  EXPECT_EQ(answer->body, "POST /hook a.b.c x=1");
  call.body.clear();
  EXPECT_EQ(send(client, call).get()->body, "POST /hook a.b.c ");
}

TEST(HttpClient, DoesNotFollowRedirectsAndSpeaksHttpOnly) {
  std::atomic<int> asked{0};
  const auto server = serve([&](Request&&, const Responder& respond) {
    ++asked;
    Response response = Response::text(302, "text/plain", "");
    response.headers.add("Location", "/elsewhere");
    respond(std::move(response));
  });
  Client client;
  EXPECT_EQ(outcome(send(client, {.url = url_of(server->port())}).get()), "302");
  EXPECT_EQ(asked, 1);
  EXPECT_EQ(outcome(send(client, {.method = "GET", .url = "file:///etc/passwd"}).get()), "http.unreachable");
  EXPECT_EQ(outcome(send(client, {.method = "GET", .url = "gopher://127.0.0.1:1/_x"}).get()),
            "http.unreachable");
}

TEST(HttpClient, BoundsTimeAndSizeOfAnAnswer) {
  Client client;
  const Rude silent("");
  EXPECT_EQ(outcome(send(client, {.url = url_of(silent.port()), .timeout = 100ms}).get()), "http.deadline");
  const Rude unfinished("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc");
  EXPECT_EQ(outcome(send(client, {.url = url_of(unfinished.port()), .timeout = 100ms}).get()),
            "http.deadline");
  const Rude large("HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n" + std::string(200'000, 'x'));
  EXPECT_EQ(outcome(send(client, {.url = url_of(large.port())}).get()), "http.answer_too_large");
  const Rude headers("HTTP/1.1 200 OK\r\nX: " + std::string(60'000, 'x') + "\r\nContent-Length: 0\r\n\r\n");
  EXPECT_EQ(outcome(send(client, {.url = url_of(headers.port())}).get()), "http.answer_too_large");
  const Rude garbage("this is not HTTP\r\n\r\n");
  EXPECT_EQ(outcome(send(client, {.url = url_of(garbage.port())}).get()), "http.unreachable");
}

TEST(HttpClient, ASlowCallDelaysNobodyElse) {
  const Rude silent("");
  const auto server =
      serve([](Request&&, const Responder& respond) { respond(Response::text(200, "text/plain", "fine")); });
  Client client;
  std::vector<std::future<Result<CallAnswer>>> slow;
  for (int i = 0; i < 50; ++i) slow.push_back(send(client, {.url = url_of(silent.port()), .timeout = 20s}));
  EXPECT_EQ(outcome(send(client, {.url = url_of(server->port()), .timeout = 10s}).get()), "200");
  EXPECT_EQ(slow.front().wait_for(0s), std::future_status::timeout) << "still waiting, as it may";
}

TEST(HttpClient, RefusesWhatItHasNoPlaceForAndEndsEverythingWhenStopped) {
  const Rude silent("");
  std::vector<std::future<Result<CallAnswer>>> calls;
  {
    ClientLimits limits;
    limits.in_flight = 2;
    limits.waiting = 3;
    Client client(limits);
    for (int i = 0; i < 20; ++i)
      calls.push_back(send(client, {.url = url_of(silent.port()), .timeout = 20s}));
    client.stop();
    EXPECT_EQ(outcome(send(client, {.url = url_of(silent.port())}).get()), "http.stopped");
  }
  std::map<std::string, int> outcomes;
  for (auto& call : calls) ++outcomes[outcome(call.get())];
  EXPECT_GE(outcomes["http.stopped"], 3);
  EXPECT_GE(outcomes["http.overloaded"], 10);
  EXPECT_EQ(outcomes["http.stopped"] + outcomes["http.overloaded"], 20);
}

TEST(HttpClient, ConnectsToPublicAddressesOnlyWhereThePolicyJudges) {
  std::atomic<int> asked{0};
  const auto server = serve([&](Request&&, const Responder& respond) {
    ++asked;
    respond(Response::text(200, "text/plain", ""));
  });
  const auto strict = std::make_shared<net::EgressPolicy>(
      net::EgressPolicy::create({.schemes = {"http"}, .allowed = "10.255.0.1"}).value());
  const auto local = std::make_shared<net::EgressPolicy>(
      net::EgressPolicy::create({.schemes = {"http"}, .allowed = "127.0.0.1,::1"}).value());
  Client client;
  const std::string by_name = "http://localhost:" + std::to_string(server->port()) + "/";
  // Leaves a connection open that the next calls must not use.
  EXPECT_EQ(outcome(send(client, {.url = by_name}).get()), "200");
  EXPECT_EQ(outcome(send(client, {.url = url_of(server->port()), .egress = strict}).get()), "http.egress");
  // A name that passes when it is read is judged again by its address.
  EXPECT_EQ(outcome(send(client, {.url = by_name, .egress = strict}).get()), "http.egress");
  EXPECT_EQ(asked, 1);
  EXPECT_EQ(outcome(send(client, {.url = by_name, .egress = local}).get()), "200");
}

TEST(HttpClient, CallsNobodyBackOnTheThreadThatCalls) {
  const auto server =
      serve([](Request&&, const Responder& respond) { respond(Response::text(200, "text/plain", "ok")); });
  const auto policy = std::make_shared<const net::EgressPolicy>(
      net::EgressPolicy::create({.schemes = {"https"}, .allowed = {}}).value());
  Client client({.in_flight = 1, .waiting = 0});
  std::mutex held;  // as a caller may hold when it asks
  const auto refused = [&](Call call) {
    const std::lock_guard lock(held);
    const Result<void> begun = client.call(std::move(call), [&](const Result<CallAnswer>&) {
      const std::lock_guard never(held);
      ADD_FAILURE() << "a refused call has called back";
    });
    return begun ? std::string("taken") : std::string(begun.error().code);
  };
  Call call;
  call.url = url_of(server->port());
  EXPECT_EQ(refused(call), "http.overloaded");
  call.egress = policy;
  EXPECT_EQ(refused(call), "http.egress");
  client.stop();
  call.egress = nullptr;
  EXPECT_EQ(refused(call), "http.stopped");
}

TEST(HttpClient, GoesOnWhenACallbackThrows) {
  const auto server =
      serve([](Request&&, const Responder& respond) { respond(Response::text(200, "text/plain", "ok")); });
  Client client;
  Call call;
  call.url = url_of(server->port());
  std::promise<void> called;
  ASSERT_TRUE(client.call(call, [&](const Result<CallAnswer>&) {
    called.set_value();
    throw std::length_error("callback");
  }));
  called.get_future().wait();
  EXPECT_EQ(outcome(send(client, call).get()), "200");
}

TEST(HttpClient, BoundsChunkExtensionsAndTrailersWithoutAnEnd) {
  const std::string chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
  std::string trailers = chunked + "0\r\n";
  while (trailers.size() < 100'000) trailers += "X: yyyyyyyyyyyyyyyy\r\n";
  const Rude extension(chunked + "5;a=" + std::string(100'000, 'x'));
  const Rude many(trailers);
  Client client;
  for (const std::uint16_t port : {extension.port(), many.port()}) {
    Call call;
    call.url = url_of(port);
    call.timeout = 500ms;
    EXPECT_FALSE(send(client, call).get()) << "and the client's memory stays small";
  }
}

}  // namespace
}  // namespace millrace::http
