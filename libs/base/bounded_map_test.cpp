#include "base/bounded_map.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <memory>

namespace millrace {
namespace {

TEST(BoundedMap, FindsWhatWasPutAndReplacesIt) {
  BoundedMap<std::string, int> map(2);
  EXPECT_EQ(map.find("a"), nullptr);
  map.put("a", 1);
  map.put("a", 2) += 5;
  EXPECT_EQ(*map.find("a"), 7);
  EXPECT_EQ(map.size(), 1U);
  EXPECT_TRUE(std::as_const(map).contains("a"));
}

TEST(BoundedMap, ForgetsTheOldestWhenItIsFull) {
  BoundedMap<std::uint64_t, int> map(3);
  for (const std::uint64_t key : {1U, 2U, 3U, 4U, 5U}) map.put(key, 0);
  EXPECT_EQ(map.size(), 3U);
  EXPECT_FALSE(map.contains(1));
  EXPECT_FALSE(map.contains(2));
  EXPECT_TRUE(map.contains(3));
}

TEST(BoundedMap, WhatIsReplacedOrTouchedIsTheNewestAndWhatIsLookedAtIsNot) {
  const struct {
    void (*use)(BoundedMap<std::string, int>&);
    bool stays;
  } table[] = {{[](auto& map) { map.put("a", 2); }, true},
               {[](auto& map) { map.touch("a"); }, true},
               {[](auto& map) { (void)map.find("a"); }, false},
               {[](auto& map) { map.touch("nobody"); }, false}};
  for (const auto& row : table) {
    BoundedMap<std::string, int> map(2);
    map.put("a", 1);
    map.put("b", 1);
    row.use(map);
    map.put("c", 1);
    EXPECT_EQ(map.contains("a"), row.stays);
    EXPECT_EQ(map.contains("b"), !row.stays);
    EXPECT_EQ(map.size(), 2U);
  }
}

// Nothing gives way to what has a place already.
TEST(BoundedMap, ReplacingInAFullOneForgetsNobody) {
  BoundedMap<std::string, int> map(2);
  map.put("a", 1);
  map.put("b", 1);
  map.put("b", 2);
  map.put("a", 2);
  EXPECT_TRUE(map.contains("a"));
  EXPECT_TRUE(map.contains("b"));
}

TEST(BoundedMap, AnErasedEntryLeavesItsPlace) {
  BoundedMap<std::string, std::unique_ptr<int>> map(2);
  map.put("a", std::make_unique<int>(1));
  map.put("b", std::make_unique<int>(2));
  EXPECT_TRUE(map.erase("a"));
  EXPECT_FALSE(map.erase("a"));
  map.put("c", std::make_unique<int>(3));
  EXPECT_TRUE(map.contains("b"));
  EXPECT_TRUE(map.contains("c"));
  map.put("d", nullptr);
  EXPECT_FALSE(map.contains("b"));
}

TEST(BoundedMap, ErasesWhatMatchesAndAll) {
  BoundedMap<int, int> map(4);
  for (int key = 0; key < 4; ++key) map.put(key, key * 10);
  map.erase_if([](int key, int value) { return key == 1 || value == 20; });
  EXPECT_EQ(map.size(), 2U);
  map.put(4, 0);
  map.put(5, 0);
  map.put(6, 0);
  EXPECT_FALSE(map.contains(0)) << "still the oldest";
  EXPECT_TRUE(map.contains(3));
  map.clear();
  EXPECT_EQ(map.size(), 0U);
  map.put(7, 0);
  EXPECT_TRUE(map.contains(7));
}

TEST(BoundedMap, AValueStaysWhereItIsWhileOthersComeAndGo) {
  BoundedMap<int, int> map(1000);
  const int* const first = &map.put(0, 42);
  for (int key = 1; key < 1000; ++key) map.put(key, 0);
  EXPECT_EQ(map.find(0), first);
  EXPECT_EQ(*first, 42);
}

}  // namespace
}  // namespace millrace
