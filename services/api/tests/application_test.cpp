#include "application.hpp"

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/times.h>
#include <unistd.h>

#include <vector>

#include "api_fixture.hpp"
#include "edge_call.hpp"
#include "socket_guard.hpp"

namespace millrace::api {
namespace {

using http::testing::status_of;
using http::testing::TestClient;

class ApplicationTest : public testing::ApiFixture {
 protected:
  std::string ask_directly(const std::string& bytes) {
    TestClient client(application_->port());
    client.send(bytes);
    return client.read_answer();
  }
};

// What the edge sends for that route.
std::string passed(http::Method method, std::string_view path, std::string_view secret = "edge-secret",
                   std::size_t body_bytes = 0) {
  RouteMatch match = find_route(method, path);
  EdgeCall call;
  call.route = match.route;
  call.parameters = std::move(match.parameters);
  call.body_bytes = body_bytes;
  return std::string(kCallField) + ": " + write_call(call, Secret(std::string(secret))) + "\r\n";
}

TEST_F(ApplicationTest, TakesCallsOfTheEdgeOnly) {
  const std::string id = std::string(http::kUpstreamIdField) + ": one\r\n";
  const std::string start = "GET /call HTTP/1.1\r\nHost: x\r\nConnection: keep-alive\r\n" + id;
  const std::string list = passed(http::Method::kGet, "/api/vod/list");
  const std::string good = ask_directly(start + list + "\r\n");
  EXPECT_EQ(status_of(good), 200);
  EXPECT_EQ(http::testing::field_of(good, http::kUpstreamIdField), "one");
  const std::string post = "POST /call HTTP/1.1\r\nHost: x\r\n" + id;
  const std::string stop = passed(http::Method::kPost, "/api/stream/stop/alice-id");
  const std::pair<int, std::string> refused[] = {
      {403, start + "\r\n"},
      {403, start + passed(http::Method::kGet, "/api/vod/list", "wrong-secret") + "\r\n"},
      {403, start + std::string(kCallField) + ": edge-secret\r\n\r\n"},
      {403, start + list.substr(0, list.size() - 3) + "\r\n\r\n"},  // a part is missing
      {400, "GET /api/vod/list HTTP/1.1\r\nHost: x\r\n" + id + list + "\r\n"},
      {400, "GET /call/ HTTP/1.1\r\nHost: x\r\n" + id + list + "\r\n"},
      {400, start + stop + "\r\n"},  // the row is not the method's
      {400, "DELETE /call HTTP/1.1\r\nHost: x\r\n" + id + list + "\r\n"},
      {400, post + stop + "Content-Length: 3\r\n\r\nabc"},  // a body that the edge did not announce
      {400, post + passed(http::Method::kPost, "/api/stream/stop/alice-id", "edge-secret", 4) +
                "Content-Length: 3\r\n\r\nabc"},
  };
  for (const auto& [status, request] : refused) {
    const std::string answer = ask_directly(request);
    EXPECT_EQ(status_of(answer), status) << request;
    EXPECT_EQ(http::testing::field_of(answer, http::kUpstreamIdField), "") << "no answer for the edge";
  }
  EXPECT_EQ(auth_questions_, 0);
}

// It once bound twice, and a connection that waited at the first socket kept the accepting thread busy for
// ever.
TEST_F(ApplicationTest, RestsWhileNobodyAsks) {
  for (int i = 0; i < 20; ++i) EXPECT_EQ(status_of(ask("/api/vod/list")), 200);
  const auto used = [] {
    tms times{};
    ::times(&times);
    return times.tms_utime + times.tms_stime;
  };
  const clock_t before = used();
  std::this_thread::sleep_for(std::chrono::milliseconds(1000));
  // A spinning thread takes a hundred ticks in a second of its own, and a fair share of them on a busy
  // machine. A sanitizer uses some by itself.
#ifdef MILLRACE_SANITIZED
  constexpr clock_t kMost = 25;
#else
  constexpr clock_t kMost = 10;
#endif
  EXPECT_LT(used() - before, kMost);
}

TEST_F(ApplicationTest, EndsAtAnyMomentAfterItsStart) {
  for (int i = 0; i < 20; ++i) {
    application_.reset();
    start_application();
  }
  upstream_->connect_to(application_->port());
  EXPECT_EQ(status_of(ask("/api/vod/list")), 200);
}

TEST_F(ApplicationTest, SurvivesAbuseOfItsPort) {
  const std::string abuses[] = {"",
                                "\r\n\r\n",
                                "GET",
                                "GET / HTTP/1.1\r\n",
                                std::string(100'000, 'x'),
                                std::string("\0\xFF\x16\x03", 4),
                                "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc"};
  for (const std::string& abuse : abuses) {
    TestClient client(application_->port());
    client.send(abuse);
    client.reset();
  }
  EXPECT_EQ(status_of(ask("/api/vod/list")), 200);
}

TEST(SocketGuard, TellsThePortOfASocketThatBeginsToListen) {
  std::vector<std::uint16_t> ports;
  const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  ASSERT_EQ(::bind(listener, reinterpret_cast<const sockaddr*>(&address), size), 0);
  {
    const SocketGuard guard({[&](std::uint16_t port) { ports.push_back(port); }, [] {}});
    ASSERT_EQ(::listen(listener, 8), 0);
  }
  ASSERT_EQ(::listen(listener, 8), 0);
  ::getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size);
  EXPECT_EQ(ports, std::vector<std::uint16_t>{ntohs(address.sin_port)});
  ::close(listener);
}

TEST(SocketGuard, GivesNumbersThatAreNotReusedSoonOnTheGuardedThreadOnly) {
  const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  ASSERT_EQ(::bind(listener, reinterpret_cast<const sockaddr*>(&address), size), 0);
  ASSERT_EQ(::listen(listener, 8), 0);
  ::getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size);
  const auto accept_and_close = [&] {
    const TestClient client(ntohs(address.sin_port));
    const int descriptor = ::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
    ::close(descriptor);
    return descriptor;
  };
  EXPECT_EQ(accept_and_close(), accept_and_close());
  const SocketGuard guard({[](std::uint16_t) {}, [] {}});
  int last = accept_and_close();
  EXPECT_GE(last, 512);
  for (int i = 0; i < 100; ++i) {
    const int next = accept_and_close();
    EXPECT_GT(next, last);
    last = next;
  }
  ::close(listener);
}

}  // namespace
}  // namespace millrace::api
