#include "http/places.hpp"

#include <gtest/gtest.h>

namespace millrace::http {
namespace {

TEST(Places, AreLimitedTogetherAndByCustomer) {
  const auto places = std::make_shared<Places>(4, 2);
  auto a = places->take("192.0.2.1");
  auto b = places->take("::ffff:192.0.2.1");
  EXPECT_TRUE(a && b);
  EXPECT_FALSE(places->take("192.0.2.1")) << "one address";
  auto c = places->take("2001:db8::1");
  auto d = places->take("2001:db8::ffff:1");
  EXPECT_TRUE(c && d);
  EXPECT_FALSE(places->take("192.0.2.2")) << "no place is left";
  a.reset();
  EXPECT_FALSE(places->take("2001:db8::2")) << "one /64";
  EXPECT_TRUE(places->take("192.0.2.1"));
  EXPECT_EQ(places->taken(), 3U);
}

TEST(Places, AProxysConnectionIsNobodysUntilItIsOneClients) {
  const auto places = std::make_shared<Places>(10, 1);
  auto first = places->take_for_proxy();
  auto second = places->take_for_proxy();
  auto third = places->take_for_proxy();
  ASSERT_TRUE(first && second && third) << "of one address all of them, and no customer's";
  EXPECT_TRUE(first->becomes_of("198.51.100.4"));
  EXPECT_TRUE(first->becomes_of("198.51.100.4")) << "it is already";
  EXPECT_FALSE(second->becomes_of("198.51.100.4"));
  EXPECT_TRUE(second->becomes_of("198.51.100.5"));
  first.reset();
  EXPECT_TRUE(third->becomes_of("198.51.100.4"));
  third->becomes_shared();
  EXPECT_TRUE(third->becomes_of("198.51.100.6"));
  auto fourth = places->take("198.51.100.4");
  ASSERT_TRUE(fourth) << "nobody holds that one's place any more";
  fourth->becomes_shared();
  EXPECT_FALSE(places->take("198.51.100.4")) << "a client's own connection stays its own";
  EXPECT_EQ(places->taken(), 3U);
}

TEST(Places, AreGivenBackOnceAndWaitedFor) {
  const auto places = std::make_shared<Places>(2, 0);
  EXPECT_TRUE(places->wait_until_empty(std::chrono::milliseconds(0)));
  auto place = places->take("192.0.2.1");
  Places::Place moved = std::move(*place);
  place.reset();
  EXPECT_EQ(places->taken(), 1U);
  EXPECT_FALSE(places->wait_until_empty(std::chrono::milliseconds(1)));
  moved = {};
  EXPECT_TRUE(places->wait_until_empty(std::chrono::milliseconds(0)));
}

}  // namespace
}  // namespace millrace::http
