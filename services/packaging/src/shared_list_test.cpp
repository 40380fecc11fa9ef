#include "shared_list.hpp"

#include <gtest/gtest.h>

namespace millrace::packaging {
namespace {

TEST(SharedList, IsSharedByItsCopiesUntilOneIsChanged) {
  SharedList<int> list;
  EXPECT_TRUE(list.empty());
  EXPECT_EQ(list.begin(), list.end());
  list.push_back(1);
  list.push_back(2);
  SharedList<int> copy = list;
  EXPECT_EQ(&copy.front(), &list.front());
  copy.push_back(3);
  EXPECT_NE(&copy.front(), &list.front());
  EXPECT_EQ(list, SharedList<int>(std::vector<int>{1, 2}));
  EXPECT_EQ(copy, SharedList<int>(std::vector<int>{1, 2, 3}));
  copy.pop_back();
  EXPECT_EQ(copy, list);
  copy.pop_back();
  copy.pop_back();
  EXPECT_EQ(copy, SharedList<int>());
  EXPECT_EQ(list.size(), 2U);
}

}  // namespace
}  // namespace millrace::packaging
