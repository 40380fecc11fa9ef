#include "base/wall_time.hpp"

#include <gtest/gtest.h>

#include <concepts>
#include <functional>
#include <type_traits>

namespace millrace {
namespace {

// What is a number, as a time of the monotonic clock is, goes neither in nor out by itself.
static_assert(!std::is_convertible_v<std::int64_t, WallTime> &&
              !std::is_convertible_v<WallTime, std::int64_t>);
static_assert(!std::is_assignable_v<WallTime&, std::int64_t> &&
              !std::is_assignable_v<std::int64_t&, WallTime>);
static_assert(!std::is_constructible_v<WallTime, std::int64_t> &&
              !std::is_constructible_v<std::int64_t, WallTime>);
static_assert(!std::is_invocable_v<std::less<>, WallTime, std::int64_t>);
static_assert(!std::is_invocable_v<std::equal_to<>, WallTime, std::int64_t>);
static_assert(!std::is_invocable_v<std::minus<>, std::int64_t, WallTime>);
static_assert(!std::is_invocable_v<std::plus<>, WallTime, WallTime>);
static_assert(std::same_as<decltype(WallTime() - WallTime()), std::int64_t>);
static_assert(std::same_as<decltype(WallTime() - std::int64_t{1}), WallTime>);
// The media log's index holds some.
static_assert(sizeof(WallTime) == 8 && std::is_trivially_copyable_v<WallTime>);

TEST(WallTime, CountsInMicroseconds) {
  constexpr WallTime kStart = WallTime::from_seconds(1'700'000'000);
  EXPECT_EQ(kStart, WallTime::from_us(1'700'000'000'000'000));
  EXPECT_EQ((kStart + 123'456).us(), 1'700'000'000'123'456);
  EXPECT_EQ((kStart + 123'456).ms(), 1'700'000'000'123);
  EXPECT_EQ((kStart + 999'999).seconds(), 1'700'000'000);
  EXPECT_EQ(kStart + 5 - kStart, 5);
  EXPECT_EQ(kStart - (kStart + 5), -5);
  EXPECT_EQ(kStart - 5 + 5, kStart);
  EXPECT_LT(kStart, kStart + 1);
  WallTime time = kStart;
  time += 7;
  time -= 5;
  EXPECT_EQ(time - kStart, 2);
}

TEST(WallTime, IsNoneAtFirst) {
  EXPECT_FALSE(WallTime().is_set());
  EXPECT_FALSE(WallTime::from_us(0).is_set());
  EXPECT_TRUE(WallTime::from_us(1).is_set());
}

TEST(WallTime, IsWrittenAsRfc3339WithMilliseconds) {
  EXPECT_EQ(rfc3339(WallTime()), "1970-01-01T00:00:00.000Z");
  EXPECT_EQ(rfc3339(WallTime::from_us(1'700'000'000'123'456)), "2023-11-14T22:13:20.123Z");
  EXPECT_EQ(rfc3339(WallTime::from_us(-1)), "1969-12-31T23:59:59.999Z");
}

}  // namespace
}  // namespace millrace
