#include "http/trusted_proxies.hpp"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

namespace millrace::http {
namespace {

TEST(TrustedProxies, BelieveTheRightmostThatIsNoProxy) {
  struct Case {
    const char* name;
    std::string_view peer;
    std::vector<std::pair<const char*, const char*>> fields;
    const char* client;
    ForwardingField field = ForwardingField::kXForwardedFor;
  };
  constexpr auto kForwarded = ForwardingField::kForwarded;
  const Case cases[] = {
      {"no proxy", "198.51.100.4", {{"X-Forwarded-For", "203.0.113.7"}}, "198.51.100.4"},
      {"nothing said", "10.0.0.1", {}, "10.0.0.1"},
      {"one hop", "10.0.0.1", {{"X-Forwarded-For", "198.51.100.4"}}, "198.51.100.4"},
      {"made up by the client",
       "10.0.0.1",
       {{"X-Forwarded-For", "203.0.113.7, 198.51.100.4"}},
       "198.51.100.4"},
      {"two hops", "10.0.0.1", {{"x-forwarded-for", "203.0.113.7,198.51.100.4 , 10.2.3.4"}}, "198.51.100.4"},
      {"all trusted", "10.0.0.1", {{"X-Forwarded-For", "10.0.0.9, 10.0.0.8"}}, "10.0.0.9"},
      {"two fields",
       "10.0.0.1",
       {{"X-Forwarded-For", "203.0.113.7"}, {"X-Forwarded-For", "198.51.100.4"}},
       "198.51.100.4"},
      {"two fields, the last a proxy",
       "10.0.0.1",
       {{"X-Forwarded-For", "198.51.100.4"}, {"X-Forwarded-For", "10.0.0.2"}},
       "198.51.100.4"},
      {"a name", "10.0.0.1", {{"X-Forwarded-For", "198.51.100.4, unknown"}}, "10.0.0.1"},
      {"a name behind a proxy", "10.0.0.1", {{"X-Forwarded-For", "localhost, 10.0.0.2"}}, "10.0.0.2"},
      {"empty", "10.0.0.1", {{"X-Forwarded-For", ""}}, "10.0.0.1"},
      {"empty entries", "10.0.0.1", {{"X-Forwarded-For", "198.51.100.4,,"}}, "10.0.0.1"},
      {"port", "10.0.0.1", {{"X-Forwarded-For", "198.51.100.4:5678"}}, "198.51.100.4"},
      {"IPv6", "2001:db8:ffff::1", {{"X-Forwarded-For", "2001:db8::7"}}, "2001:db8::7"},
      {"IPv6 with port", "10.0.0.1", {{"X-Forwarded-For", "[2001:db8::7]:80"}}, "2001:db8::7"},
      {"mapped peer", "::ffff:10.0.0.1", {{"X-Forwarded-For", "::ffff:198.51.100.4"}}, "198.51.100.4"},
      {"the field of others",
       "10.0.0.1",
       {{"Forwarded", "for=203.0.113.7"}, {"X-Real-IP", "203.0.113.7"}},
       "10.0.0.1"},
      {"Forwarded",
       "10.0.0.1",
       {{"Forwarded", "for=203.0.113.7, for=198.51.100.4;proto=https;by=10.0.0.1"}},
       "198.51.100.4",
       kForwarded},
      {"Forwarded, quoted",
       "10.0.0.1",
       {{"Forwarded", "host=a;For=\"[2001:db8::7]:4711\""}},
       "2001:db8::7",
       kForwarded},
      {"Forwarded, obfuscated", "10.0.0.1", {{"Forwarded", "for=_hidden"}}, "10.0.0.1", kForwarded},
      {"Forwarded, without for", "10.0.0.1", {{"Forwarded", "proto=https"}}, "10.0.0.1", kForwarded},
      {"Forwarded, torn", "10.0.0.1", {{"Forwarded", "for=\""}}, "10.0.0.1", kForwarded},
      {"Forwarded only", "10.0.0.1", {{"X-Forwarded-For", "203.0.113.7"}}, "10.0.0.1", kForwarded},
  };
  for (const Case& c : cases) {
    Fields headers;
    for (const auto& [name, value] : c.fields) headers.add(name, value);
    const TrustedProxies proxies(net::IpNetworks::parse("10.0.0.0/8, 2001:db8:ffff::/48").value(), c.field);
    EXPECT_EQ(proxies.client_of(c.peer, headers), c.client) << c.name;
    EXPECT_EQ(TrustedProxies().client_of(c.peer, headers), c.peer) << "nobody is trusted: " << c.name;
  }
}

TEST(TrustedProxies, LooksAtFewHops) {
  std::string many = "203.0.113.7";
  for (int i = 0; i < 5000; ++i) many += ",10.0.0.2";
  Fields headers;
  headers.add("X-Forwarded-For", many);
  const TrustedProxies proxies(net::IpNetworks::parse("10.0.0.0/8").value(), ForwardingField::kXForwardedFor);
  EXPECT_EQ(proxies.client_of("10.0.0.1", headers), "10.0.0.2");
}

TEST(TrustedProxies, KnowThemselves) {
  const TrustedProxies proxies(net::IpNetworks::parse("10.0.0.0/8, ::1").value(),
                               ForwardingField::kXForwardedFor);
  EXPECT_TRUE(proxies.contains("10.2.3.4"));
  EXPECT_TRUE(proxies.contains("::ffff:10.2.3.4"));
  EXPECT_TRUE(proxies.contains("::1"));
  EXPECT_FALSE(proxies.contains("192.0.2.1"));
  EXPECT_FALSE(proxies.contains("nobody"));
  EXPECT_FALSE(TrustedProxies().contains("10.2.3.4"));
}

}  // namespace
}  // namespace millrace::http
