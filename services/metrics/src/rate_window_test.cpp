#include "rate_window.hpp"

#include <gtest/gtest.h>

namespace millrace::metrics {
namespace {

constexpr std::int64_t kSecond = 1'000'000;

TEST(RateWindow, IsZeroUntilThereAreTwoSamples) {
  RateWindow window(5 * kSecond);
  EXPECT_EQ(window.rate(0), 0);
  window.add(kSecond, 1000);
  EXPECT_EQ(window.rate(kSecond), 0);
  window.add(2 * kSecond, 3000);
  EXPECT_DOUBLE_EQ(window.rate(2 * kSecond), 2000);
}

TEST(RateWindow, ForgetsWhatIsOlderThanTheWindow) {
  RateWindow window(5 * kSecond);
  std::uint64_t count = 0;
  for (int second = 0; second <= 10; ++second) window.add(second * kSecond, count += 1000);
  for (int second = 11; second <= 15; ++second) window.add(second * kSecond, count += 200);
  EXPECT_DOUBLE_EQ(window.rate(15 * kSecond), 200);
}

TEST(RateWindow, CountsUnevenSamplesByTheirTime) {
  RateWindow window(5 * kSecond);
  window.add(0, 0);
  window.add(500'000, 1000);
  window.add(4 * kSecond, 2000);
  EXPECT_DOUBLE_EQ(window.rate(4 * kSecond), 500);
}

TEST(RateWindow, IsZeroWhenNothingComesAnyMore) {
  RateWindow window(5 * kSecond);
  window.add(0, 0);
  window.add(kSecond, 1000);
  EXPECT_DOUBLE_EQ(window.rate(6 * kSecond), 1000);
  EXPECT_EQ(window.rate(6 * kSecond + 1), 0);
}

TEST(RateWindow, BeginsAnewWhenTheCounterFellAndIgnoresTimeThatDoesNotAdvance) {
  RateWindow window(5 * kSecond);
  window.add(kSecond, 5000);
  window.add(2 * kSecond, 100);
  EXPECT_EQ(window.rate(2 * kSecond), 0);
  window.add(2 * kSecond, 900'000);
  window.add(kSecond, 900'000);
  window.add(3 * kSecond, 400);
  EXPECT_DOUBLE_EQ(window.rate(3 * kSecond), 300);
}

TEST(RateWindow, IsBoundedHoweverOftenItIsFed) {
  RateWindow window(5 * kSecond);
  for (int i = 0; i < 100'000; ++i) window.add(std::int64_t{10} * i, static_cast<std::uint64_t>(i));
  EXPECT_NEAR(window.rate(1'000'000), 100'000, 1);
}

}  // namespace
}  // namespace millrace::metrics
