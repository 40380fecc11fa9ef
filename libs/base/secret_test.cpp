#include "base/secret.hpp"

#include <gtest/gtest.h>

namespace millrace {
namespace {

TEST(Secret, ComparesWholeStrings) {
  EXPECT_TRUE(equal_in_constant_time(as_bytes("abc"), as_bytes("abc")));
  EXPECT_FALSE(equal_in_constant_time(as_bytes("abc"), as_bytes("abd")));
  EXPECT_FALSE(equal_in_constant_time(as_bytes("abc"), as_bytes("ab")));
  EXPECT_TRUE(equal_in_constant_time({}, {}));
}

TEST(Secret, RandomHexHasTwoDigitsAByteAndDiffersEachTime) {
  const std::string one = random_hex(16);
  EXPECT_EQ(one.size(), 32U);
  EXPECT_EQ(one.find_first_not_of("0123456789abcdef"), std::string::npos);
  EXPECT_NE(one, random_hex(16));
}

}  // namespace
}  // namespace millrace
