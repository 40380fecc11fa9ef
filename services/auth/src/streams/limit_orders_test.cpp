#include "streams/limit_orders.hpp"

#include <gtest/gtest.h>

#include <deque>

namespace millrace::auth {
namespace {

constexpr std::int64_t kSecond = 1'000'000;

class LimitOrdersTest : public ::testing::Test {
 protected:
  void change(const std::string& stream_id, std::uint32_t kbps) {
    orders_.change({.stream_id = stream_id, .max_bitrate_kbps = kbps, .resolution = {}}, now_);
    run();
  }
  void run() {
    while (!tasks_.empty()) {
      const auto task = std::move(tasks_.front());
      tasks_.pop_front();
      task(orders_);
    }
  }
  void tick(std::int64_t later_us) {
    now_.monotonic_us += later_us;
    orders_.tick();
    run();
  }

  Now now_{.monotonic_us = 1000 * kSecond, .wall = {}};
  Result<bool> answer_ = true;
  std::vector<LimitOrder> sent_;
  std::deque<std::function<void(LimitOrders&)>> tasks_;
  LimitOrders orders_{[this](const LimitOrder& order, const std::function<void(Result<bool>)>& done) {
                        sent_.push_back(order);
                        done(answer_);
                      },
                      [this](std::function<void(LimitOrders&)> task) { tasks_.push_back(std::move(task)); },
                      [this] { return now_; }};
};

TEST_F(LimitOrdersTest, WhatIngestDidNotHearIsSentAgainAsItIsNow) {
  answer_ = fail("bus.deadline", "ingest is not there");
  change("cam", 1000);
  answer_ = true;
  change("cam", 2000);
  tick(kSecond);
  ASSERT_EQ(sent_.size(), 3U);
  EXPECT_EQ(sent_[2].max_bitrate_kbps, 2000U);
  tick(kSecond);
  EXPECT_EQ(sent_.size(), 3U);
}

TEST_F(LimitOrdersTest, IngestIsNotAskedForEver) {
  answer_ = fail("bus.deadline", "ingest is not there");
  change("cam", 1000);
  for (int i = 0; i < 10; ++i) tick(20 * kSecond);
  EXPECT_EQ(sent_.size(), 4U) << "at once, after 20, 40 and 60 seconds";
}

TEST_F(LimitOrdersTest, APublicationThatTurnsUpGetsTheLimitsThatChanged) {
  change("cam", 1000);
  orders_.published("cam", now_);
  orders_.published("other", now_);
  ASSERT_EQ(sent_.size(), 2U);
  EXPECT_EQ(sent_[1].stream_id, "cam");
}

TEST_F(LimitOrdersTest, TheStreamThatChangedLongestAgoIsForgotten) {
  change("cam", 1);
  change("next", 1);
  for (std::size_t i = 2; i < LimitOrders::kMaxLimits; ++i) change("s" + std::to_string(i), 1);
  change("cam", 2);
  change("one more", 1);
  sent_.clear();
  orders_.published("next", now_);
  EXPECT_TRUE(sent_.empty());
  orders_.published("cam", now_);
  EXPECT_EQ(sent_.size(), 1U);
}

}  // namespace
}  // namespace millrace::auth
