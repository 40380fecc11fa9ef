#include "media/block_pool.hpp"

#include <gtest/gtest.h>

namespace millrace::media {
namespace {

constexpr std::uint32_t kNowhere = 0xFFFFFFFF;

TEST(BlockPool, BeginsWithEverythingTaken) {
  BlockPool pool(100);
  EXPECT_EQ(pool.free_count(), 0U);
  EXPECT_FALSE(pool.take(1, kNowhere));
  EXPECT_FALSE(pool.take_last());
}

TEST(BlockPool, GivesTheNeighbourIfItIsFree) {
  BlockPool pool(100);
  pool.give_back(10, 20);
  EXPECT_EQ(pool.take(3, 14), 15U);
  EXPECT_EQ(pool.free_count(), 17U);
  EXPECT_NE(pool.take(1, 14), 15U);
}

TEST(BlockPool, BeginsInTheMiddleOfTheLargestHole) {
  BlockPool pool(100);
  pool.give_back(0, 5);
  pool.give_back(50, 21);
  EXPECT_EQ(pool.take(1, kNowhere), 60U);
}

TEST(BlockPool, GivesARunOnlyWhereItFits) {
  BlockPool pool(130);
  pool.give_back(0, 3);
  pool.give_back(62, 4);  // across a word
  EXPECT_FALSE(pool.take(5, kNowhere));
  EXPECT_EQ(pool.take(4, kNowhere), 62U);
  EXPECT_EQ(pool.take(3, kNowhere), 0U);
  EXPECT_EQ(pool.free_count(), 0U);
}

TEST(BlockPool, GivesTheLastBlockForWhatStays) {
  BlockPool pool(130);
  pool.give_back(3, 2);
  pool.give_back(129, 1);
  EXPECT_EQ(pool.take_last(), 129U);
  EXPECT_EQ(pool.take_last(), 4U);
  EXPECT_EQ(pool.take_last(), 3U);
  EXPECT_FALSE(pool.take_last());
}

TEST(BlockPool, CountsABlockOnce) {
  BlockPool pool(10);
  pool.give_back(2, 3);
  pool.give_back(3, 4);
  EXPECT_EQ(pool.free_count(), 5U);
  EXPECT_TRUE(pool.is_free(6));
  EXPECT_FALSE(pool.is_free(7));
}

TEST(BlockPool, NeverGivesABlockBeyondItsEnd) {
  BlockPool pool(70);
  pool.give_back(0, 70);
  EXPECT_FALSE(pool.take(71, kNowhere));
  std::uint32_t given = 0;
  while (const auto block = pool.take(1, 69)) {
    EXPECT_LT(*block, 70U);
    ++given;
  }
  EXPECT_EQ(given, 70U);
}

}  // namespace
}  // namespace millrace::media
