#include "base/survive.hpp"

#include <gtest/gtest.h>

#include <new>
#include <stdexcept>

namespace millrace {
namespace {

std::uint64_t count_of(std::string_view where) {
  for (const SurvivedExceptions& each : survived_exceptions()) {
    if (each.where == where) return each.count;
  }
  return 0;
}

TEST(Survive, CountsWhateverIsThrownByPlace) {
  EXPECT_TRUE(survives("survive test", [] {}));
  EXPECT_EQ(count_of("survive test"), 0U);
  EXPECT_FALSE(survives("survive test", [] { throw std::length_error("too long"); }));
  EXPECT_FALSE(survives("survive test", [] { throw std::bad_alloc(); }));
  EXPECT_FALSE(survives("survive test", [] { throw 7; }));
  EXPECT_FALSE(survives("another place", [] { throw std::runtime_error("x"); }));
  EXPECT_EQ(count_of("survive test"), 3U);
  EXPECT_EQ(count_of("another place"), 1U);
}

}  // namespace
}  // namespace millrace
