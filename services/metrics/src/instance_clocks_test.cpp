#include "instance_clocks.hpp"

#include <gtest/gtest.h>

namespace millrace::metrics {
namespace {

constexpr std::int64_t kSecond = 1'000'000;
constexpr std::int64_t kForeign = 777'000 * kSecond;  // their clock less ours

TEST(InstanceClocks, KeepTheDistancesOfAnotherHostsTimes) {
  InstanceClocks clocks;
  EXPECT_EQ(clocks.local_us("ingest", "a", kForeign + 10 * kSecond, 10 * kSecond + 300), 10 * kSecond + 300);
  // On its way for 90 ms more: that is no time between the two.
  EXPECT_EQ(clocks.local_us("ingest", "a", kForeign + 11 * kSecond, 11 * kSecond + 90'300),
            11 * kSecond + 300);
  EXPECT_EQ(clocks.local_us("ingest", "a", kForeign + 12 * kSecond, 12 * kSecond + 100), 12 * kSecond + 100);
}

TEST(InstanceClocks, AreNeverLaterThanNow) {
  InstanceClocks clocks;
  std::int64_t age = 5000;
  for (std::int64_t now = 0; now < 400 * kSecond; now += kSecond) {
    age = (age * 7919 + 13) % 50'000;
    const std::int64_t local = clocks.local_us("ingest", "a", kForeign + now - age, now);
    EXPECT_LE(local, now);
    EXPECT_GE(local, now - 50'000);
  }
}

TEST(InstanceClocks, AreOneForEachInstance) {
  InstanceClocks clocks;
  EXPECT_EQ(clocks.local_us("ingest", "a", kForeign, kSecond), kSecond);
  EXPECT_EQ(clocks.local_us("ingest", "b", 0, kSecond), kSecond);
  EXPECT_EQ(clocks.local_us("packaging", "a", 5, kSecond), kSecond);
  EXPECT_EQ(clocks.local_us("ingest", "a", kForeign + kSecond, 3 * kSecond), 2 * kSecond);
}

TEST(InstanceClocks, FollowAHostThatWasStartedAgain) {
  InstanceClocks clocks;
  clocks.booted("ingest", "a", 1);
  clocks.local_us("ingest", "a", kForeign, kSecond);
  clocks.booted("ingest", "a", 1);
  EXPECT_EQ(clocks.local_us("ingest", "a", kForeign + kSecond, 3 * kSecond), 2 * kSecond);
  clocks.booted("ingest", "a", 2);
  EXPECT_EQ(clocks.local_us("ingest", "a", 7, 60 * kSecond), 60 * kSecond);
  EXPECT_EQ(clocks.local_us("ingest", "a", 7 + kSecond, 61 * kSecond + 5), 61 * kSecond);
}

// We stood still, and then read what had come in the meantime.
TEST(InstanceClocks, TakeABacklogForNoOtherClock) {
  InstanceClocks clocks;
  for (std::int64_t second = 0; second < 5; ++second)
    clocks.local_us("ingest", "a", kForeign + second * kSecond, second * kSecond + 100);
  for (std::int64_t second = 5; second < 60; ++second) {
    EXPECT_EQ(clocks.local_us("ingest", "a", kForeign + second * kSecond, 60 * kSecond),
              second * kSecond + 100);
  }
}

TEST(InstanceClocks, FollowAClockThatRunsSlower) {
  InstanceClocks clocks;
  for (std::int64_t second = 0; second < 3600; ++second) {
    const std::int64_t now = second * kSecond;
    const std::int64_t drift = second * 100;  // 100 ppm
    EXPECT_GE(clocks.local_us("ingest", "a", kForeign + now - drift, now), now - 2 * 15 * 100);
  }
}

TEST(InstanceClocks, AreBounded) {
  InstanceClocks clocks;
  for (std::size_t i = 0; i < InstanceClocks::kMaxInstances; ++i)
    clocks.local_us("ingest", std::to_string(i), 0, kSecond);
  EXPECT_EQ(clocks.local_us("ingest", "one more", 0, kSecond), kSecond);
  EXPECT_EQ(clocks.local_us("ingest", "one more", 0, 2 * kSecond), 2 * kSecond);
  clocks.booted("ingest", "0", 0);
  clocks.local_us("ingest", "one more", 0, 2 * kSecond);
  EXPECT_EQ(clocks.local_us("ingest", "one more", kSecond, 9 * kSecond), 3 * kSecond);
}

}  // namespace
}  // namespace millrace::metrics
