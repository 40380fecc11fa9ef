#include "http/circuit_breaker.hpp"

#include <gtest/gtest.h>

namespace millrace::http {
namespace {

constexpr std::int64_t kSecond = 1'000'000;
using State = CircuitBreaker::State;

CircuitBreaker opened(std::int64_t now) {
  CircuitBreaker breaker;
  for (int i = 0; i < 5; ++i) {
    EXPECT_TRUE(breaker.admit(now));
    breaker.failed(now);
  }
  return breaker;
}

TEST(CircuitBreaker, OpensAfterFailuresInARowOnly) {
  CircuitBreaker breaker;
  for (int i = 0; i < 20; ++i) {
    for (int j = 0; j < 4; ++j) breaker.failed(0);
    breaker.succeeded();
  }
  EXPECT_EQ(breaker.state(), State::kClosed);
  EXPECT_EQ(opened(0).state(), State::kOpen);
}

TEST(CircuitBreaker, LetsOneProbeThroughAndClosesWithItsSuccess) {
  CircuitBreaker breaker = opened(0);
  EXPECT_FALSE(breaker.admit(kSecond - 1));
  EXPECT_TRUE(breaker.admit(kSecond));
  EXPECT_EQ(breaker.state(), State::kHalfOpen);
  EXPECT_FALSE(breaker.admit(kSecond + 1)) << "one probe at a time";
  breaker.succeeded();
  EXPECT_TRUE(breaker.admit(kSecond + 2));
  EXPECT_TRUE(breaker.admit(kSecond + 2));
}

TEST(CircuitBreaker, WaitsTwiceAsLongAfterAFailedProbeUpToTheLimit) {
  CircuitBreaker breaker = opened(0);
  std::int64_t now = kSecond;
  for (const std::int64_t pause : {2, 4, 8, 16, 30, 30}) {
    EXPECT_TRUE(breaker.admit(now));
    breaker.failed(now);
    EXPECT_FALSE(breaker.admit(now + pause * kSecond - 1)) << pause;
    now += pause * kSecond;
  }
}

TEST(CircuitBreaker, IsNotStuckWhenAProbesOutcomeIsNeverTold) {
  CircuitBreaker breaker = opened(0);
  EXPECT_TRUE(breaker.admit(kSecond));
  EXPECT_FALSE(breaker.admit(kSecond + kSecond / 2));
  EXPECT_TRUE(breaker.admit(2 * kSecond));
}

TEST(CircuitBreaker, IsNotHeldOpenByCallsThatBeganBefore) {
  CircuitBreaker breaker = opened(0);
  breaker.failed(kSecond / 2);
  EXPECT_TRUE(breaker.admit(kSecond));
}

}  // namespace
}  // namespace millrace::http
