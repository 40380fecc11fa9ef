#include "net/gather_policy.hpp"

#include <gtest/gtest.h>

namespace millrace::net {
namespace {

// Wake-ups at a constant distance for a second; the last delay asked for.
std::int64_t run(GatherPolicy& policy, std::int64_t& now_us, std::int64_t distance_us, std::uint32_t events) {
  std::int64_t delay = 0;
  for (const std::int64_t end = now_us + 1'000'000; now_us < end; now_us += distance_us) {
    delay = policy.after_wake_up(now_us, events);
  }
  return delay;
}

TEST(GatherPolicy, ActsAtOnceWhileWakeUpsAreFew) {
  GatherPolicy policy(10'000);
  std::int64_t now = 5'000'000;
  EXPECT_EQ(run(policy, now, 2'000, 1), 0);
}

TEST(GatherPolicy, GathersWhenWakeUpsAreManyAndStopsWhenTheyBringLittle) {
  GatherPolicy policy(10'000);
  std::int64_t now = 5'000'000;
  EXPECT_EQ(run(policy, now, 100, 1), 10'000);
  EXPECT_EQ(run(policy, now, 10'000, 20), 10'000);
  EXPECT_EQ(run(policy, now, 10'000, 2), 0);
}

TEST(GatherPolicy, NeverGathersWithoutADelay) {
  GatherPolicy policy(0);
  std::int64_t now = 5'000'000;
  EXPECT_EQ(run(policy, now, 100, 1), 0);
}

}  // namespace
}  // namespace millrace::net
