#include "net/ip_network.hpp"

#include <gtest/gtest.h>

#include <tuple>

namespace millrace::net {
namespace {

TEST(IpAddress, CountsAnIpv6AddressByItsNetwork) {
  struct Case {
    const char* address;
    const char* customer;
  };
  for (const Case& c : std::vector<Case>{{"192.0.2.1", "192.0.2.1"},
                                         {"::ffff:192.0.2.1", "192.0.2.1"},
                                         {"2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"},
                                         {"2001:db8:1:2::", "2001:db8:1:2::"},
                                         {"2001:db8:1:3::1", "2001:db8:1:3::"},
                                         {"::1", "::"},
                                         {"fe80::1%eth0", "fe80::1%eth0"},
                                         {"unknown", "unknown"},
                                         {"", ""}})
    EXPECT_EQ(customer_of(c.address), c.customer);
}

TEST(IpAddress, ReadsAndPrints) {
  const std::vector<std::pair<std::string, std::string>> good = {
      {"192.0.2.1", "192.0.2.1"},
      {"::1", "::1"},
      {"2001:DB8::8:0", "2001:db8::8:0"},
      {"::", "::"},
      {"0.0.0.0", "0.0.0.0"},
      {"::ffff:10.1.2.3", "10.1.2.3"},
      {"::ffff:a01:203", "10.1.2.3"},
  };
  for (const auto& [text, printed] : good) {
    const auto address = IpAddress::parse(text);
    ASSERT_TRUE(address) << text;
    EXPECT_EQ(address->text(), printed);
  }
  for (const std::string text :
       {"", "1.2.3", "1.2.3.4.5", "256.0.0.1", "010.0.0.1", "1.2.3.4:80", "[::1]", "fe80::1%eth0",
        "localhost", "1.2.3.4 ", ":::", "0x7f000001", "2130706433"}) {
    EXPECT_FALSE(IpAddress::parse(text)) << text;
  }
  EXPECT_FALSE(IpAddress::parse(std::string("1.2.3.4\0", 8)));
}

TEST(IpAddress, KeepsItsFirstBits) {
  EXPECT_EQ(IpAddress::parse("2001:db8:1:2:3:4:5:6")->masked(64).text(), "2001:db8:1:2::");
  EXPECT_EQ(IpAddress::parse("2001:db8:1:2:3:4:5:6")->masked(128).text(), "2001:db8:1:2:3:4:5:6");
  EXPECT_EQ(IpAddress::parse("2001:db8:1:ffff::")->masked(50).text(), "2001:db8:1:c000::");
  EXPECT_EQ(IpAddress::parse("ffff::1")->masked(0).text(), "::");
  EXPECT_EQ(IpAddress::parse("10.255.1.1")->masked(96 + 9).text(), "10.128.0.0");
}

TEST(IpNetwork, HoldsWhatItSays) {
  const std::vector<std::tuple<std::string, std::string, bool>> cases = {
      {"10.0.0.0/8", "10.255.0.1", true},
      {"10.0.0.0/8", "11.0.0.1", false},
      {"10.9.9.9/8", "10.0.0.1", true},
      {"10.0.0.0/8", "::ffff:10.0.0.1", true},
      {"192.0.2.1", "192.0.2.1", true},
      {"192.0.2.1", "192.0.2.2", false},
      {"192.0.2.1/32", "192.0.2.1", true},
      {"0.0.0.0/0", "203.0.113.9", true},
      {"0.0.0.0/0", "::1", false},
      {"0.0.0.0/0", "2001:db8::1", false},
      {"::/0", "2001:db8::1", true},
      {"::/0", "::1", true},
      {"::/0", "10.0.0.1", false},
      {"2001:db8::/32", "2001:db8:ffff::1", true},
      {"2001:db8::/32", "2001:db9::1", false},
      {"2001:db8::/33", "2001:db8:8000::1", false},
      {"::1", "::1", true},
      {"::1", "::2", false},
      {"::ffff:10.0.0.0/104", "10.1.1.1", true},
      {"::ffff:10.0.0.0/104", "11.1.1.1", false},
      {"*", "10.0.0.1", true},
      {"*", "2001:db8::1", true},
  };
  for (const auto& [network, address, held] : cases) {
    const auto parsed = IpNetwork::parse(network);
    ASSERT_TRUE(parsed) << network;
    EXPECT_EQ(parsed->contains(*IpAddress::parse(address)), held) << network << " " << address;
  }
  for (const std::string text :
       {"", "/8", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/+8", "10.0.0.0/8/8", "10.0.0.0/8x",
        "::/129", "10/8", "10.*", "**", "10.0.0.0 /8", "any"}) {
    EXPECT_FALSE(IpNetwork::parse(text)) << text;
  }
}

TEST(IpNetworks, ReadsListsOfThem) {
  const auto list = IpNetworks::parse(" 127.0.0.1, 10.0.0.0/8 ,,2001:db8::/32,");
  ASSERT_TRUE(list);
  EXPECT_FALSE(list->empty());
  EXPECT_TRUE(list->contains(*IpAddress::parse("127.0.0.1")));
  EXPECT_TRUE(list->contains(*IpAddress::parse("10.2.3.4")));
  EXPECT_TRUE(list->contains(*IpAddress::parse("2001:db8::7")));
  EXPECT_FALSE(list->contains(*IpAddress::parse("127.0.0.2")));
  EXPECT_TRUE(IpNetworks::parse("")->empty());
  EXPECT_TRUE(IpNetworks::parse(" , ")->empty());
  const auto bad = IpNetworks::parse("127.0.0.1,10.0.0.0/40");
  ASSERT_FALSE(bad);
  EXPECT_EQ(bad.error().code, "net.network");
  EXPECT_NE(bad.error().message.find("10.0.0.0/40"), std::string::npos);
}

TEST(IpNetworks, AreBounded) {
  std::string text;
  for (std::size_t i = 0; i < IpNetworks::kMaxEntries; ++i) text += "::1,";
  EXPECT_TRUE(IpNetworks::parse(text));
  EXPECT_FALSE(IpNetworks::parse(text + "::2"));
}

}  // namespace
}  // namespace millrace::net
