#include "base/clock.hpp"

#include <gtest/gtest.h>

namespace millrace {
namespace {

TEST(Clock, FormatsRfc3339WithMilliseconds) {
  EXPECT_EQ(rfc3339(0), "1970-01-01T00:00:00.000Z");
  EXPECT_EQ(rfc3339(1'700'000'000'123'456), "2023-11-14T22:13:20.123Z");
  EXPECT_EQ(rfc3339(-1), "1969-12-31T23:59:59.999Z");
}

}  // namespace
}  // namespace millrace
