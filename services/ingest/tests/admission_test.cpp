#include "server/admission.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace millrace::ingest {
namespace {

constexpr std::int64_t kSecond = 1'000'000;

net::IpAddress ip(const std::string& text) {
  return *net::IpAddress::parse(text);
}

AdmissionLimits limits() {
  return {.connections = 2,
          .whitelist = *net::IpNetworks::parse("10.0.0.0/8,::1"),
          .bytes = 1000,
          .bytes_per_second = 100};
}

TEST(Admission, HoldsAnAddressToItsConnections) {
  Admission admission(limits());
  auto first = admission.admit(ip("192.0.2.1"), 0);
  auto second = admission.admit(ip("::ffff:192.0.2.1"), 0);
  ASSERT_TRUE(first && second) << "the same address in another form";
  EXPECT_FALSE(admission.admit(ip("192.0.2.1"), 0));
  EXPECT_TRUE(admission.admit(ip("192.0.2.2"), 0)) << "others are not harmed";
  first.reset();
  EXPECT_TRUE(admission.admit(ip("192.0.2.1"), 0)) << "and left at once again";
  EXPECT_TRUE(admission.admit(ip("192.0.2.1"), 0));
}

TEST(Admission, CountsAnIpv6NetworkOfACustomerAsOne) {
  Admission admission(limits());
  std::vector<Admission::Place> places;
  for (const std::string text : {"2001:db8:1:2::1", "2001:db8:1:2:ffff::9"}) {
    auto place = admission.admit(ip(text), 0);
    ASSERT_TRUE(place);
    places.push_back(std::move(*place));
  }
  EXPECT_FALSE(admission.admit(ip("2001:db8:1:2:1234::1"), 0));
  EXPECT_TRUE(admission.admit(ip("2001:db8:1:3::1"), 0));
}

TEST(Admission, CountsNobodyOfTheWhitelist) {
  Admission admission(limits());
  std::vector<Admission::Place> places;
  for (int i = 0; i < 100; ++i) {
    auto v4 = admission.admit(ip("10.1.2.3"), 0);
    auto v6 = admission.admit(ip("::1"), 0);
    ASSERT_TRUE(v4 && v6);
    EXPECT_TRUE(v4->charge(1 << 20, 0));
    places.push_back(std::move(*v4));
    places.push_back(std::move(*v6));
  }
  EXPECT_EQ(admission.remembered(), 0U);
}

TEST(Admission, KnowsNoLimitOfConnectionsWhenThereIsNone) {
  for (const std::int64_t none : {0, -1}) {
    AdmissionLimits some = limits();
    some.connections = none;
    Admission admission(some);
    std::vector<Admission::Place> places;
    for (int i = 0; i < 100; ++i) {
      auto place = admission.admit(ip("192.0.2.1"), 0);
      ASSERT_TRUE(place);
      places.push_back(std::move(*place));
    }
  }
}

TEST(Admission, KeepsCountWhenPlacesMove) {
  Admission admission(limits());
  Admission::Place place = std::move(*admission.admit(ip("192.0.2.1"), 0));
  Admission::Place other = std::move(place);
  place = std::move(other);
  place = std::move(*admission.admit(ip("192.0.2.1"), 0));
  EXPECT_TRUE(admission.admit(ip("192.0.2.1"), 0)) << "one is held";
  place = {};
  auto first = admission.admit(ip("192.0.2.1"), 0);
  auto second = admission.admit(ip("192.0.2.1"), 0);
  EXPECT_TRUE(first && second) << "none was held";
}

TEST(Admission, BudgetsBytesOfAnAddressOverItsConnections) {
  Admission admission(limits());
  auto first = admission.admit(ip("192.0.2.1"), 0);
  auto second = admission.admit(ip("192.0.2.1"), 0);
  EXPECT_TRUE(first->charge(600, 0));
  EXPECT_FALSE(second->charge(600, 0)) << "together it is too much";
  first.reset();
  second.reset();
  EXPECT_FALSE(admission.admit(ip("192.0.2.1"), 0)) << "reconnecting does not help";
  EXPECT_FALSE(admission.admit(ip("192.0.2.1"), 1 * kSecond));
  EXPECT_TRUE(admission.admit(ip("192.0.2.2"), 1 * kSecond));
  auto later = admission.admit(ip("192.0.2.1"), 4 * kSecond);
  ASSERT_TRUE(later) << "it has grown again";
  EXPECT_TRUE(later->charge(100, 4 * kSecond));
  EXPECT_FALSE(later->charge(1'000'000, 4 * kSecond));
  later.reset();
  EXPECT_FALSE(admission.admit(ip("192.0.2.1"), 13 * kSecond));
  EXPECT_TRUE(admission.admit(ip("192.0.2.1"), 15 * kSecond)) << "no debt for hours";
}

TEST(Admission, ForgetsAnAddressWhenItsBudgetIsWhole) {
  Admission admission(limits());
  auto quiet = admission.admit(ip("192.0.2.1"), 0);
  quiet.reset();
  EXPECT_EQ(admission.remembered(), 0U);
  auto place = admission.admit(ip("192.0.2.2"), 0);
  EXPECT_TRUE(place->charge(500, 0));
  place.reset();
  EXPECT_EQ(admission.remembered(), 1U);
  admission.forget(4 * kSecond);
  EXPECT_EQ(admission.remembered(), 1U);
  admission.forget(6 * kSecond);
  EXPECT_EQ(admission.remembered(), 0U);
}

TEST(Admission, RemembersSoManyAndNoMore) {
  Admission admission(limits());
  for (std::uint32_t i = 0; i < Admission::kMaxIdle + 100; ++i) {
    const std::array<std::uint8_t, 4> bytes = {192, static_cast<std::uint8_t>(i >> 16),
                                               static_cast<std::uint8_t>(i >> 8),
                                               static_cast<std::uint8_t>(i)};
    auto place = admission.admit(net::IpAddress::v4(bytes), 0);
    ASSERT_TRUE(place);
    EXPECT_TRUE(place->charge(500, 0));
  }
  EXPECT_EQ(admission.remembered(), Admission::kMaxIdle);
  admission.forget(3600 * kSecond);
  EXPECT_EQ(admission.remembered(), 0U);
}

}  // namespace
}  // namespace millrace::ingest
