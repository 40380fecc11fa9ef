#include "streams/close_orders.hpp"

#include <gtest/gtest.h>

#include <deque>

namespace millrace::auth {
namespace {

constexpr std::int64_t kSecond = 1'000'000;

class CloseOrdersTest : public ::testing::Test {
 protected:
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
  static LivePublication live(const std::string& stream_id, std::uint64_t epoch) {
    return {.stream_id = stream_id,
            .publication_id = PublicationId{1},
            .epoch = Epoch{epoch},
            .session_id = {},
            .instance = {}};
  }

  Now now_{.monotonic_us = 1000 * kSecond, .wall = {}};
  Result<bool> answer_ = true;
  std::vector<CloseOrder> sent_;
  std::deque<std::function<void(CloseOrders&)>> tasks_;
  CloseOrders orders_{[this](const CloseOrder& order, const CloseOrders::Done& done) {
                        sent_.push_back(order);
                        done(answer_);
                      },
                      [this](std::function<void(CloseOrders&)> task) { tasks_.push_back(std::move(task)); },
                      [this] { return now_; }};
};

TEST_F(CloseOrdersTest, SendsAnOrderAgainUntilIngestAnswers) {
  answer_ = fail("bus.deadline", "ingest is not there");
  orders_.close({.stream_id = "cam", .publication_id = PublicationId{7}}, now_.monotonic_us + 60 * kSecond);
  run();
  tick(kSecond);
  ASSERT_EQ(sent_.size(), 2U);
  EXPECT_EQ(sent_[1].publication_id, PublicationId{7});
  answer_ = false;  // nothing was live: an answer too
  tick(kSecond);
  tick(kSecond);
  EXPECT_EQ(sent_.size(), 3U);
}

TEST_F(CloseOrdersTest, GivesAnOrderUpWhenItsTimeIsOver) {
  answer_ = fail("bus.deadline", "ingest is not there");
  orders_.close({.stream_id = "cam"}, now_.monotonic_us + 2 * kSecond);
  run();
  for (int i = 0; i < 5; ++i) tick(kSecond);
  EXPECT_EQ(sent_.size(), 3U) << "at once, after one second, after two";
}

TEST_F(CloseOrdersTest, WhatIsAskedOnceIsNotSentAgain) {
  answer_ = fail("bus.deadline", "ingest is not there");
  bool heard = false;
  orders_.close_once({.stream_id = "cam"}, [&heard](const Result<bool>& closed) { heard = !closed; });
  run();
  tick(kSecond);
  EXPECT_TRUE(heard);
  EXPECT_EQ(sent_.size(), 1U);
}

TEST_F(CloseOrdersTest, ARevokedStreamIsCutUpToAnEpoch) {
  orders_.revoke({"cam", Epoch{5}}, now_);
  ASSERT_EQ(sent_.size(), 1U);
  EXPECT_EQ(sent_[0].up_to_epoch, Epoch{5});
  EXPECT_TRUE(orders_.fence(live("cam", 5)));
  EXPECT_FALSE(orders_.fence(live("cam", 6))) << "admitted under the new rule";
  EXPECT_FALSE(orders_.fence(live("other", 1)));
}

TEST_F(CloseOrdersTest, SaysWhetherWhoPublishedMayComeBack) {
  const struct {
    const char* name;
    RevokedStream first;
    RevokedStream second;
    bool for_good;
  } table[] = {
      {"the key, then the visibility", {"a", Epoch{5}, false}, {"a", Epoch{5}, false}, false},
      {"banned, then the key", {"b", Epoch{5}, true}, {"b", Epoch{5}, false}, true},
      {"the key, then stopped", {"c", Epoch{5}, false}, {"c", Epoch{5}, true}, true},
      {"stopped, published again, then the key", {"d", Epoch{5}, true}, {"d", Epoch{6}, false}, false},
      {"an older change read later", {"e", Epoch{6}, false}, {"e", Epoch{5}, true}, false}};
  for (const auto& row : table) {
    orders_.revoke(row.first, now_);
    EXPECT_EQ(sent_.back().for_good, row.first.for_good) << row.name;
    orders_.remember({row.second});
    const RevokedStream* const fence = orders_.fence(live(row.first.stream_id, 5));
    ASSERT_TRUE(fence) << row.name;
    EXPECT_EQ(fence->for_good, row.for_good) << row.name;
  }
}

TEST_F(CloseOrdersTest, WhatWasNeverPublishedIsNotCut) {
  orders_.revoke({"cam", kNoEpoch}, now_);
  EXPECT_TRUE(sent_.empty());
}

TEST_F(CloseOrdersTest, TheOldestFenceIsForgottenAndARenewedOneIsNotTheOldest) {
  orders_.revoke({"cam", Epoch{1}}, now_);
  orders_.revoke({"next", Epoch{1}}, now_);
  for (std::size_t i = 2; i < CloseOrders::kMaxFences; ++i)
    orders_.revoke({"s" + std::to_string(i), Epoch{1}}, now_);
  orders_.revoke({"cam", Epoch{2}}, now_);
  orders_.revoke({"one more", Epoch{1}}, now_);
  EXPECT_TRUE(orders_.fence(live("cam", 2)));
  EXPECT_FALSE(orders_.fence(live("next", 1)));
}

TEST_F(CloseOrdersTest, WhatTheDatabaseHasTakesNothingBack) {
  orders_.revoke({"held", Epoch{7}}, now_);
  orders_.remember({{"held", Epoch{3}}, {"banned", Epoch{4}}});
  EXPECT_TRUE(orders_.fence(live("held", 7)));
  EXPECT_TRUE(orders_.fence(live("banned", 4)));
  EXPECT_FALSE(orders_.fence(live("banned", 5)));
}

}  // namespace
}  // namespace millrace::auth
