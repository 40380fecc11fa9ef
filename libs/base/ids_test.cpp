#include "base/ids.hpp"

#include <gtest/gtest.h>

#include <string>

namespace millrace {
namespace {

TEST(Ids, RefusesEverythingThatCouldLeaveItsPlace) {
  for (const char* good : {"a", "studio-1", "A_b-9"}) EXPECT_TRUE(is_valid_id(good)) << good;
  for (const char* bad : {"", "..", "a/b", "a.b", "%2e", "a b", "a\n", "\xF0\x9F\x98\x80", "con.", "/abs"}) {
    EXPECT_FALSE(is_valid_id(bad)) << bad;
  }
  EXPECT_FALSE(is_valid_id(std::string_view("a\0b", 3)));
  EXPECT_TRUE(is_valid_id(std::string(kMaxStreamIdLength, 'x')));
  EXPECT_FALSE(is_valid_id(std::string(kMaxStreamIdLength + 1, 'x')));
}

}  // namespace
}  // namespace millrace
