#include <gtest/gtest.h>

#include "api_fixture.hpp"
#include "rate_limits.hpp"

namespace millrace::api {
namespace {

constexpr std::int64_t kSecond = 1'000'000;

TEST(RateLimiter, GivesABurstAndThenTheRate) {
  RateLimiter limiter(10);
  std::int64_t now = 5 * kSecond;
  for (int i = 0; i < 20; ++i) EXPECT_FALSE(limiter.take("a", now)) << i;
  const auto refused = limiter.take("a", now);
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->limit, 20U);
  EXPECT_EQ(refused->after_us, kSecond / 10);
  EXPECT_EQ(refused->full_again_us, 2 * kSecond);
  EXPECT_FALSE(limiter.take("b", now)) << "somebody else's bucket";
  now += kSecond / 10;
  EXPECT_FALSE(limiter.take("a", now)) << "what was refused did not count";
  EXPECT_TRUE(limiter.take("a", now));
  now += kSecond;
  for (int i = 0; i < 10; ++i) EXPECT_FALSE(limiter.take("a", now)) << i;
  EXPECT_TRUE(limiter.take("a", now));
  now += 3600 * kSecond;
  for (int i = 0; i < 20; ++i) EXPECT_FALSE(limiter.take("a", now)) << "never more than a burst: " << i;
  EXPECT_TRUE(limiter.take("a", now));
}

TEST(RateLimiter, ZeroIsNoLimit) {
  RateLimiter limiter(0);
  for (int i = 0; i < 100'000; ++i) ASSERT_FALSE(limiter.take("a", 0));
  EXPECT_EQ(limiter.keys(), 0U);
}

TEST(RateLimiter, ForgetsTheLeastRecentlySeen) {
  RateLimiter limiter(1, 3);
  const auto use_up = [&](const char* key) {
    while (!limiter.take(key, kSecond)) {
    }
  };
  for (const char* key : {"a", "b", "c"}) use_up(key);
  EXPECT_TRUE(limiter.take("a", kSecond));
  EXPECT_FALSE(limiter.take("d", kSecond));
  EXPECT_EQ(limiter.keys(), 3U);
  EXPECT_TRUE(limiter.take("a", kSecond)) << "seen lately";
  EXPECT_TRUE(limiter.take("c", kSecond));
  EXPECT_FALSE(limiter.take("b", kSecond)) << "forgotten for d";
  for (int i = 0; i < 100'000; ++i) static_cast<void>(limiter.take(std::to_string(i), kSecond));
  EXPECT_EQ(limiter.keys(), 3U);
}

TEST(RateLimits, CountsNetworksOfClientsAndClassesApart) {
  RateLimits limits(
      {.reads_per_address = 1, .writes_per_address = 1, .reads_per_account = 1, .writes_per_account = 1});
  const auto admitted = [&](http::Method method, const char* address) {
    return !limits.admit_address(method, address, kSecond);
  };
  using enum http::Method;
  EXPECT_TRUE(admitted(kGet, "2001:db8::1") && admitted(kHead, "2001:db8::2"));
  EXPECT_FALSE(admitted(kGet, "2001:db8::ffff:1:2:3")) << "one /64 is one client";
  EXPECT_TRUE(admitted(kGet, "2001:db8:0:1::1"));
  EXPECT_TRUE(admitted(kPost, "2001:db8::1") && admitted(kDelete, "2001:db8::1"));
  EXPECT_FALSE(admitted(kPut, "2001:db8::1"));
  EXPECT_TRUE(admitted(kGet, "192.0.2.1") && admitted(kGet, "::ffff:192.0.2.1"));
  EXPECT_FALSE(admitted(kGet, "192.0.2.1")) << "the same client in either form";
  EXPECT_TRUE(admitted(kGet, "192.0.2.2"));
  for (int i = 0; i < 10; ++i) EXPECT_TRUE(admitted(kOptions, "192.0.2.1"));
  for (int i = 0; i < 10; ++i)
    EXPECT_FALSE(limits.admit_account(kGet, "", kSecond)) << "nobody is no account";
  EXPECT_FALSE(limits.admit_account(kGet, "alice", kSecond));
  EXPECT_FALSE(limits.admit_account(kGet, "alice", kSecond));
  const auto refused = limits.admit_account(kGet, "alice", kSecond);
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->status, 429);
  EXPECT_EQ(refused->headers.find("Content-Type"), "application/problem+json");
  EXPECT_EQ(refused->headers.find("Retry-After"), "1");
  EXPECT_EQ(refused->headers.find("RateLimit-Limit"), "2");
  EXPECT_EQ(refused->headers.find("RateLimit-Remaining"), "0");
  EXPECT_EQ(refused->headers.find("RateLimit-Reset"), "2");
  EXPECT_FALSE(limits.admit_account(kPost, "alice", kSecond));
  EXPECT_EQ(limits.refused().reads_by_account, 1U);
  EXPECT_EQ(limits.refused().reads_by_address, 2U);
  EXPECT_EQ(limits.refused().writes_by_address, 1U);
}

class LimitsTest : public testing::ApiFixture {
 protected:
  // The test's own address is a trusted proxy.
  void use(RateRules rules) {
    limits_ = std::make_unique<RateLimits>(rules);
    EdgeConfig config{Secret("edge-secret"), urls_, vod_, "https://site.example"};
    config.limits = limits_.get();
    application_.reset();
    start_application(limits_.get());
    upstream_->connect_to(application_->port());
    start_edge(std::move(config), http::TrustedProxies(net::IpNetworks::parse("127.0.0.1").value(),
                                                       http::ForwardingField::kXForwardedFor));
  }
  int status(const std::string& target, const std::string& fields, const std::string& method = "GET") {
    last_ = ask(target, fields, method);
    return http::testing::status_of(last_);
  }
  void TearDown() override {
    ApiFixture::TearDown();
    limits_.reset();
  }
  std::unique_ptr<RateLimits> limits_;
  std::string last_;
};

TEST_F(LimitsTest, AnAddressCannotBeMadeUp) {
  use({.reads_per_address = 1});
  const auto from = [&](const std::string& chain) {
    return status("/api/stream/status/alice-id",
                  "Origin: https://site.example\r\nX-Forwarded-For: " + chain + "\r\n");
  };
  EXPECT_EQ(from("198.51.100.4"), 200);
  EXPECT_EQ(from("203.0.113.1, 198.51.100.4"), 200);
  EXPECT_EQ(from("203.0.113.2, 198.51.100.4"), 429) << "one client, whatever it says";
  EXPECT_EQ(http::testing::field_of(last_, "Retry-After"), "1");
  EXPECT_EQ(http::testing::field_of(last_, "RateLimit-Limit"), "2");
  EXPECT_EQ(http::testing::field_of(last_, "Access-Control-Allow-Origin"), "https://site.example");
  EXPECT_NE(http::testing::field_of(last_, "Access-Control-Expose-Headers").find("Retry-After"),
            std::string::npos);
  EXPECT_EQ(from("198.51.100.5"), 200) << "another client of the same proxy";
  EXPECT_EQ(status("/api/stream/status/alice-id", "X-Forwarded-For: 198.51.100.4\r\n", "OPTIONS"), 204);
}

TEST_F(LimitsTest, PollingIsNoWriting) {
  use({.writes_per_address = 1});
  for (int i = 0; i < 5; ++i) EXPECT_NE(status("/socket.io", "Content-Length: 0\r\n", "POST"), 429);
  for (int i = 0; i < 2; ++i) EXPECT_NE(status("/api/none", "Content-Length: 0\r\n", "POST"), 429);
  EXPECT_EQ(status("/api/none", "Content-Length: 0\r\n", "POST"), 429);
}

TEST_F(LimitsTest, AnAccountIsOneWhereverItComesFrom) {
  use({.reads_per_account = 1});
  int host = 1;
  const auto ask_as = [&](const std::string& who) {
    return status("/api/stream/key", "Authorization: Bearer good-" + who +
                                         "\r\nX-Forwarded-For: 198.51.100." + std::to_string(host++) +
                                         "\r\n");
  };
  EXPECT_EQ(ask_as("alice"), 200);
  EXPECT_EQ(ask_as("alice"), 200);
  EXPECT_EQ(ask_as("alice"), 429);
  EXPECT_EQ(http::testing::field_of(last_, "RateLimit-Limit"), "2");
  EXPECT_NE(last_.find("urn:millrace:rate_limited"), std::string::npos);
  EXPECT_EQ(ask_as("bob"), 200);
}

}  // namespace
}  // namespace millrace::api
