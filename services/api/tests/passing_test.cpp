// What the edge passes to the application is one request with one answer, whatever its size and shape: after
// each, others get their own answers.
#include <gtest/gtest.h>

#include "api_fixture.hpp"
#include "passing_support.hpp"

namespace millrace::api {
namespace {

using http::testing::status_of;
using http::testing::TestClient;
using testing::HonestClient;

class PassingTest : public testing::ApiFixture {
 protected:
  static constexpr std::size_t kBody = http::Limits{}.body_bytes;

  // 32 requests, each with its own answer.
  void expect_own_answers(const std::string& after) {
    HonestClient honest(server_->port(), "alice");
    for (int i = 0; i < 32; ++i)
      ASSERT_EQ(honest.ask(number_++), HonestClient::Got::kOwn) << "after " << after << ":\n"
                                                                << honest.last();
  }
  int status(const std::string& request) {
    TestClient client(server_->port());
    client.send(request);
    const int got = status_of(client.read_answer());
    client.reset();
    return got;
  }
  void expect_nothing_shifted() {
    EXPECT_EQ(upstream_->statistics().strays, 0U);
    EXPECT_EQ(upstream_->statistics().failures, 0U);
    EXPECT_EQ(upstream_->statistics().deadlines, 0U);
    for (const bus::v1::Request& change : changes())
      EXPECT_EQ(change.update_settings().quality().substr(0, 1), "q") << change.ShortDebugString();
  }

  std::uint64_t number_ = 0;
};

std::string header_of(const Route& route, const std::string& target, std::size_t token) {
  return std::string(method_name(route.method)) + " " + target + " HTTP/1.1\r\nHost: x\r\n" +
         (token == 0 ? "" : "Authorization: Bearer " + std::string(token, 'x') + "\r\n");
}

TEST_F(PassingTest, EveryRouteTakesBodiesOfEverySizeAroundTheBounds) {
  // With and without the longest token, 64 KiB and what is left of 64 KiB beside a header.
  const std::size_t sizes[] = {0,          1,         4096,  kBody - 8600, kBody - 236,
                               kBody - 36, kBody - 1, kBody, kBody + 1};
  for (const Route& route : routes()) {
    const std::string target = testing::path_with(route, [] { return std::string("mallory-id"); });
    std::uint64_t variant = 0;
    for (const std::size_t size : sizes) {
      for (const std::size_t token : {std::size_t{0}, kMaxAuthorization - 7, kMaxAuthorization - 6}) {
        const std::string body = testing::body_of_size(size, variant, variant * 331);
        const bool in_chunks = variant++ % 2 == 1;
        const std::string header = header_of(route, target, token);
        const std::string request =
            in_chunks ? header + "Transfer-Encoding: chunked\r\n\r\n" +
                            testing::chunked(body, [] { return std::size_t{5000}; })
                      : header + "Content-Length: " + std::to_string(size) + "\r\n\r\n" + body;
        const int got = status(request);
        EXPECT_EQ(got == 413, size > kBody) << got << " " << route.path << " " << size;
        EXPECT_TRUE(got >= 200 && got != 502 && got != 504) << got << " " << route.path << " " << size;
      }
    }
    expect_own_answers(header_of(route, target, 0));
    if (HasFatalFailure()) return;
  }
  expect_nothing_shifted();
}

TEST_F(PassingTest, EveryRouteTakesTargetsOfEverySizeAroundTheBound) {
  for (const Route& route : routes()) {
    const std::string path = testing::path_with(route, [] { return std::string("a%22%3F%26%3Db"); });
    const std::string decoded = testing::path_with(route, [] { return std::string("a\"?&=b"); });
    for (const std::size_t size : {kMaxTarget - 1, kMaxTarget, kMaxTarget + 1}) {
      // Decoded: as the edge counts.
      const std::string query(size - decoded.size(), '"');
      const int got =
          status(header_of(route, path + "?" + query, kMaxAuthorization - 7) + "Content-Length: 0\r\n\r\n");
      EXPECT_EQ(got == 414, size > kMaxTarget) << got << " " << route.path << " " << size;
      EXPECT_TRUE(got >= 200 && got != 502 && got != 504) << got << " " << route.path << " " << size;
    }
    expect_own_answers(path);
    if (HasFatalFailure()) return;
  }
  expect_nothing_shifted();
}

// The last guard, should a limit of the edge ever grow.
TEST_F(PassingTest, AnEdgeThatMaySendMoreThanFitsRefusesItself) {
  http::UpstreamConfig config = upstream_config(1);
  config.request_bytes = 2000;
  upstream_->stop();
  upstream_ = std::make_unique<http::Upstream>(config);
  upstream_->connect_to(application_->port());
  start_edge("https://site.example");
  const std::string login = "POST /api/v1/login/access-token HTTP/1.1\r\nHost: x\r\nContent-Length: ";
  EXPECT_EQ(status(login + "3000\r\n\r\n" + std::string(3000, 'x')), 413);
  EXPECT_NE(status(login + "30\r\n\r\n" + std::string(30, 'x')), 413);
  EXPECT_EQ(upstream_->statistics().connects, 1U);
}

}  // namespace
}  // namespace millrace::api
