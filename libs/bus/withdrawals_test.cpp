#include "bus/withdrawals.hpp"

#include <gtest/gtest.h>

#include <limits>

namespace millrace::bus {
namespace {

const PeerName kFirst{"ingest", "0"};
const PeerName kSecond{"ingest", "1"};

TEST(Withdrawals, ComeInTheirTimeAndOnce) {
  Withdrawals withdrawals;
  EXPECT_EQ(withdrawals.next_due_us(), std::numeric_limits<std::int64_t>::max());
  withdrawals.lost(kFirst, 60);
  withdrawals.gone(kSecond, false, 30);
  EXPECT_EQ(withdrawals.next_due_us(), 30);
  EXPECT_FALSE(withdrawals.take_due(29));
  const auto gone = withdrawals.take_due(30);
  ASSERT_TRUE(gone);
  EXPECT_EQ(gone->name, kSecond);
  EXPECT_FALSE(gone->reported_lost);
  EXPECT_FALSE(withdrawals.take_due(59));
  const auto lost = withdrawals.take_due(60);
  ASSERT_TRUE(lost);
  EXPECT_EQ(lost->name, kFirst);
  EXPECT_TRUE(lost->reported_lost);
  EXPECT_FALSE(withdrawals.take_due(1000));
}

TEST(Withdrawals, AreNoMoreWhenTheInstanceIsHeardAgain) {
  Withdrawals withdrawals;
  withdrawals.lost(kFirst, 60);
  withdrawals.heard(kFirst);
  // Lost again later: its time begins again.
  withdrawals.lost(kFirst, 100);
  EXPECT_FALSE(withdrawals.take_due(60));
  EXPECT_TRUE(withdrawals.take_due(100));
}

TEST(Withdrawals, AreSoonerWhenTheAddressGoesToo) {
  Withdrawals withdrawals;
  withdrawals.lost(kFirst, 60);
  withdrawals.gone(kFirst, false, 20);
  const auto gone = withdrawals.take_due(20);
  ASSERT_TRUE(gone);
  EXPECT_TRUE(gone->reported_lost) << "once is enough";
  EXPECT_FALSE(withdrawals.take_due(60));
}

}  // namespace
}  // namespace millrace::bus
