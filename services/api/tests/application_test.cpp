#include "application.hpp"

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/times.h>
#include <unistd.h>

#include <vector>

#include "api_fixture.hpp"
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

TEST_F(ApplicationTest, TakesRequestsOfTheEdgeOnly) {
  const std::string start = "GET /api/vod/list HTTP/1.1\r\nHost: x\r\nConnection: keep-alive\r\n";
  EXPECT_EQ(status_of(ask_directly(start + "\r\n")), 403);
  EXPECT_EQ(status_of(ask_directly(start + "X-Millrace-Edge: wrong-secret\r\n\r\n")), 403);
  EXPECT_EQ(status_of(ask_directly(start + "X-Millrace-Edge: edge-secret\r\n\r\n")), 200);
}

TEST_F(ApplicationTest, AnswersItsProbeAndUnknownPaths) {
  const std::string rest =
      " HTTP/1.1\r\nHost: x\r\nConnection: keep-alive\r\nX-Millrace-Edge: edge-secret\r\n\r\n";
  EXPECT_EQ(status_of(ask_directly("GET /internal/probe" + rest)), 200);
  EXPECT_EQ(status_of(ask_directly("GET /api/none" + rest)), 404);
  EXPECT_EQ(status_of(ask_directly("GET /" + std::string(3000, '/') + rest)), 414);
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
  // machine.
  EXPECT_LT(used() - before, 10);
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
