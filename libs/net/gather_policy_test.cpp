#include "net/gather_policy.hpp"

#include <gtest/gtest.h>

namespace millrace::net {
namespace {

// What each wake-up finds.
struct Look {
  std::uint32_t events = 0;
  std::uint64_t bytes_each = 0;
};

constexpr std::uint64_t kMessage = 5'000;  // of a real-time publisher

// Wake-ups at a constant distance for a second; the last delay asked for.
std::int64_t run(GatherPolicy& policy, std::int64_t& now_us, std::int64_t distance_us, Look look) {
  std::int64_t delay = 0;
  for (const std::int64_t end = now_us + 1'000'000; now_us < end; now_us += distance_us) {
    delay = policy.after_wake_up(now_us, look.events, look.events * look.bytes_each);
  }
  return delay;
}

TEST(GatherPolicy, ActsAtOnceWhileWakeUpsAreFew) {
  GatherPolicy policy(10'000);
  std::int64_t now = 5'000'000;
  EXPECT_EQ(run(policy, now, 2'000, {1, kMessage}), 0);
}

TEST(GatherPolicy, GathersWhenWakeUpsAreManyAndStopsWhenTheyBringLittle) {
  GatherPolicy policy(10'000);
  std::int64_t now = 5'000'000;
  EXPECT_EQ(run(policy, now, 100, {1, kMessage}), 10'000);
  EXPECT_EQ(run(policy, now, 10'000, {20, kMessage}), 10'000);
  EXPECT_EQ(run(policy, now, 10'000, {2, kMessage}), 0);
}

TEST(GatherPolicy, NeverGathersWithoutADelay) {
  GatherPolicy policy(0);
  std::int64_t now = 5'000'000;
  EXPECT_EQ(run(policy, now, 100, {1, kMessage}), 0);
}

TEST(GatherPolicy, GathersSocketsThatBringNothing) {
  GatherPolicy policy(10'000);
  std::int64_t now = 5'000'000;
  EXPECT_EQ(run(policy, now, 100, {1, 0}), 10'000);  // players that take more
}

TEST(GatherPolicy, DoesNotGatherWhatComesInMuchAtOnce) {
  GatherPolicy policy(10'000);
  std::int64_t now = 5'000'000;
  EXPECT_EQ(run(policy, now, 100, {2, GatherPolicy::kMuchAtOnce}), 0);
  EXPECT_EQ(run(policy, now, 100, {2, GatherPolicy::kMuchAtOnce - 1}), 10'000);
}

TEST(GatherPolicy, StopsWhenSocketsBringMuchAndStartsAgainWhenTheyNoLongerDo) {
  GatherPolicy policy(10'000);
  std::int64_t now = 5'000'000;
  EXPECT_EQ(run(policy, now, 100, {8, kMessage}), 10'000);
  EXPECT_EQ(run(policy, now, 10'000, {8, GatherPolicy::kMuchGathered - 1}), 10'000);
  EXPECT_EQ(run(policy, now, 10'000, {8, GatherPolicy::kMuchGathered}), 0);
  EXPECT_EQ(run(policy, now, 100, {8, GatherPolicy::kMuchAtOnce}), 0);
  EXPECT_EQ(run(policy, now, 100, {8, kMessage}), 10'000);
}

TEST(GatherPolicy, GoesByTheAverageOfAllSockets) {
  GatherPolicy policy(10'000);
  std::int64_t now = 5'000'000;
  // One that sends as fast as it can among two hundred in real time.
  EXPECT_EQ(run(policy, now, 500, {20, (19 * kMessage + GatherPolicy::kMuchGathered) / 20}), 10'000);
}

}  // namespace
}  // namespace millrace::net
