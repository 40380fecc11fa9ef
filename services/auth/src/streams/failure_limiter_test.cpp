#include "streams/failure_limiter.hpp"

#include <gtest/gtest.h>

namespace millrace::auth {
namespace {

constexpr std::int64_t kSecond = 1'000'000;

TEST(FailureLimiter, LetsAnAddressFailInABurstAndThenAtARate) {
  FailureLimiter limiter({.burst = 3, .per_second = 1, .max_addresses = 10});
  int tries = 0;
  for (int i = 0; i < 1000; ++i) {
    if (!limiter.may_try("a", 0)) continue;
    ++tries;
    limiter.failed("a", 0);
  }
  EXPECT_EQ(tries, 3);
  EXPECT_TRUE(limiter.may_try("b", 0)) << "another address is not concerned";
  EXPECT_FALSE(limiter.may_try("a", kSecond - 1));
  EXPECT_TRUE(limiter.may_try("a", kSecond));
  limiter.failed("a", kSecond);
  EXPECT_FALSE(limiter.may_try("a", kSecond));
}

TEST(FailureLimiter, RefillsToTheBurstAndNoFurther) {
  FailureLimiter limiter({.burst = 2, .per_second = 1, .max_addresses = 10});
  limiter.failed("a", 0);
  limiter.failed("a", 1000 * kSecond);
  limiter.failed("a", 1000 * kSecond);
  EXPECT_FALSE(limiter.may_try("a", 1000 * kSecond));
}

TEST(FailureLimiter, StaysWithinItsMemoryAndForgetsTheOldestFirst) {
  FailureLimiter limiter({.burst = 1, .per_second = 0.001, .max_addresses = 100});
  for (int i = 0; i < 100; ++i) limiter.failed(std::to_string(i), i);
  limiter.failed("0", 200);
  for (int i = 100; i < 150; ++i) limiter.failed(std::to_string(i), i);
  EXPECT_EQ(limiter.size(), 100U);
  EXPECT_FALSE(limiter.may_try("0", 200)) << "it failed again and is not the oldest";
  EXPECT_TRUE(limiter.may_try("1", 200));
  EXPECT_FALSE(limiter.may_try("149", 200));
}

TEST(FailureLimiter, CountsAddressesAndNetworksWithoutPorts) {
  const std::vector<std::pair<const char*, const char*>> table = {
      {"192.0.2.1", "192.0.2.1"},
      {"192.0.2.1:50000", "192.0.2.1"},
      {"::ffff:192.0.2.1", "192.0.2.1"},
      {"[::ffff:192.0.2.1]:80", "192.0.2.1"},
      {"2001:db8::1", "2001:db8::"},
      {"[2001:db8::2]:443", "2001:db8::"},
      {"2001:db8:0:1::1", "2001:db8:0:1::"},
      {"", "?"},
      {"[", "?"},
      {"example.org", "?"},
  };
  for (const auto& [address, name] : table) EXPECT_EQ(limiter_name(address), name) << address;
  EXPECT_EQ(limiter_name(std::string(100000, '1')), "?");
}

}  // namespace
}  // namespace millrace::auth
