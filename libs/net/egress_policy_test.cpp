#include "net/egress_policy.hpp"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/un.h>

namespace millrace::net {
namespace {

EgressPolicy policy(const std::string& allowed = "") {
  return EgressPolicy::create({.schemes = {"http", "https", "rtmp", "rtmps"}, .allowed = allowed}).value();
}

struct Row {
  const char* url;
  const char* code;  // "" : allowed
};

class EgressUrls : public testing::TestWithParam<Row> {};

TEST_P(EgressUrls, AreJudgedWithoutBeingQuoted) {
  const Result<EgressTarget> target = policy().check_url(GetParam().url);
  EXPECT_EQ(target ? "" : std::string(target.error().code), GetParam().code) << GetParam().url;
  if (!target) {
    EXPECT_EQ(target.error().message.find("secret"), std::string::npos);
  }
}

INSTANTIATE_TEST_SUITE_P(
    Table, EgressUrls,
    testing::Values(
        Row{"rtmp://a.example.org/live/key", ""}, Row{"RTMPS://A.Example.ORG.:444/live", ""},
        Row{"https://8.8.8.8/x", ""}, Row{"https://[2606:4700::1111]:8443/x", ""},
        // Schemes.
        Row{"file:///etc/passwd", "net.egress_scheme"}, Row{"gopher://a.example.org/_x", "net.egress_scheme"},
        Row{"ftp://a.example.org/", "net.egress_scheme"}, Row{"rtmp:a.example.org", "net.egress_url"},
        Row{"//a.example.org/x", "net.egress_url"}, Row{"://a.example.org/x", "net.egress_url"},
        Row{"", "net.egress_url"}, Row{"http://", "net.egress_url"}, Row{"http:///x", "net.egress_url"},
        // Loopback, link-local, private, in every spelling.
        Row{"http://127.0.0.1/", "net.egress_address"}, Row{"http://127.255.255.254/", "net.egress_address"},
        Row{"http://169.254.169.254/latest/meta-data", "net.egress_address"},
        Row{"http://10.0.0.1/", "net.egress_address"}, Row{"http://172.16.0.1/", "net.egress_address"},
        Row{"http://172.31.255.255/", "net.egress_address"},
        Row{"http://192.168.1.1:80/", "net.egress_address"}, Row{"http://100.64.0.1/", "net.egress_address"},
        Row{"http://0.0.0.0/", "net.egress_address"}, Row{"http://224.0.0.1/", "net.egress_address"},
        Row{"http://255.255.255.255/", "net.egress_address"}, Row{"http://172.32.0.1/", ""},
        Row{"http://172.15.0.1/", ""}, Row{"http://100.128.0.1/", ""}, Row{"http://126.255.255.255/", ""},
        Row{"http://128.0.0.1/", ""}, Row{"http://223.255.255.255/", ""},
        Row{"http://0x7f000001/", "net.egress_url"}, Row{"http://0X7F.1/", "net.egress_url"},
        Row{"http://2130706433/", "net.egress_url"}, Row{"http://0177.0.0.1/", "net.egress_url"},
        Row{"http://127.1/", "net.egress_url"}, Row{"http://127.0.1/", "net.egress_url"},
        Row{"http://127.0.0.1./", "net.egress_address"}, Row{"http://127.0.0.0x1/", "net.egress_url"},
        Row{"http://1.2.3.4.5/", "net.egress_url"}, Row{"http://256.1.1.1/", "net.egress_url"},
        Row{"http://[::1]/", "net.egress_address"}, Row{"http://[0:0:0:0:0:0:0:1]:80/", "net.egress_address"},
        Row{"http://[::]/", "net.egress_address"}, Row{"http://[::ffff:127.0.0.1]/", "net.egress_address"},
        Row{"http://[::ffff:7f00:1]/", "net.egress_address"},
        Row{"http://[::127.0.0.1]/", "net.egress_address"},
        Row{"http://[64:ff9b::7f00:1]/", "net.egress_address"},
        Row{"http://[2002:7f00:1::]/", "net.egress_address"},
        Row{"http://[2001:0:7f00:1::]/", "net.egress_address"},
        Row{"http://[fe80::1]/", "net.egress_address"}, Row{"http://[fc00::1]/", "net.egress_address"},
        Row{"http://[ff02::1]/", "net.egress_address"}, Row{"http://[fe80::1%25eth0]/", "net.egress_url"},
        Row{"http://[::ffff:8.8.8.8]/", ""}, Row{"http://[127.0.0.1]/", "net.egress_url"},
        Row{"http://[::1/", "net.egress_url"}, Row{"http://::1/", "net.egress_url"},
        // Names of this machine and its network.
        Row{"http://localhost/", "net.egress_name"}, Row{"http://LocalHost.:80/", "net.egress_name"},
        Row{"http://a.localhost/", "net.egress_name"},
        Row{"http://metadata.google.internal/", "net.egress_name"},
        Row{"http://printer.local/", "net.egress_name"}, Row{"http://notlocalhost/", ""},
        // What parsers disagree about.
        Row{"http://secret@127.0.0.1/", "net.egress_url"},
        Row{"http://a.example.org@127.0.0.1/", "net.egress_url"},
        Row{"http://a.example.org\\@127.0.0.1/", "net.egress_url"},
        Row{"http://127.0.0.1#@a.example.org/", "net.egress_address"},
        Row{"http://a.example.org /", "net.egress_url"},
        Row{"http://a.example.org/\r\nHost: b", "net.egress_url"},
        Row{"http://a.example.org;rm -rf/", "net.egress_url"},
        Row{"http://$(id).example.org/", "net.egress_url"}, Row{"http://%6c%6fcalhost/", "net.egress_url"},
        Row{"http://\xe2\x93\x81ocalhost/", "net.egress_url"}, Row{"http://a..b/", "net.egress_url"},
        Row{"http://.a/", "net.egress_url"}, Row{"http://a.example.org:0/", "net.egress_url"},
        Row{"http://a.example.org:65536/", "net.egress_url"},
        Row{"http://a.example.org:80:80/", "net.egress_url"}, Row{"http://a.example.org:/", "net.egress_url"},
        Row{"http://[::1]x/", "net.egress_url"}));

TEST(EgressPolicy, TellsThePartsThatAConnectionNeeds) {
  const EgressTarget name = policy().check_url("RTMPS://A.example.org:444/live/key?x=1").value();
  EXPECT_EQ(name.scheme, "rtmps");
  EXPECT_EQ(name.host, "a.example.org");
  EXPECT_EQ(name.port, 444);
  EXPECT_FALSE(name.is_address);
  const EgressTarget address = policy().check_url("rtmp://[2606:4700::1111]?x").value();
  EXPECT_EQ(address.host, "2606:4700::1111");
  EXPECT_EQ(address.port, 0);
  EXPECT_TRUE(address.is_address);
}

TEST(EgressPolicy, RefusesUrlsBeyondTheirLength) {
  const std::string url = "http://a.example.org/" + std::string(EgressPolicy::kMaxUrlLength, 'a');
  EXPECT_EQ(policy().check_url(url).error().code, "net.egress_url");
  EXPECT_TRUE(policy().check_url(url.substr(0, EgressPolicy::kMaxUrlLength)));
}

TEST(EgressPolicy, AllowsWhatTheOperatorNames) {
  const EgressPolicy some = policy(" 10.1.0.0/16, 127.0.0.1,fd00::/8 ");
  EXPECT_TRUE(some.check_url("rtmp://10.1.255.1/live"));
  EXPECT_TRUE(some.check_url("rtmp://127.0.0.1/live"));
  EXPECT_TRUE(some.check_url("rtmp://[::ffff:127.0.0.1]/live")) << "the same address";
  EXPECT_TRUE(some.check_url("rtmp://[fd00::7]/live"));
  EXPECT_TRUE(some.check_url("rtmp://localhost/live")) << "its address is checked when it is known";
  EXPECT_FALSE(some.check_url("rtmp://10.2.0.1/live"));
  EXPECT_FALSE(some.check_url("rtmp://127.0.0.2/live"));
  EXPECT_FALSE(some.check_url("rtmp://[fe80::7]/live"));
  EXPECT_TRUE(policy("*").check_url("rtmp://192.168.0.1/live"));
  EXPECT_FALSE(policy("*").check_url("file://192.168.0.1/live")) << "schemes are another matter";
}

TEST(EgressPolicy, RefusesRangesThatAreNone) {
  for (const char* range :
       {"10.0.0.0/33", "10.0.0/8", "fd00::/129", "a", "10.0.0.0/", "10.0.0.0/8x", "/8", "10.0.0.0/-1"}) {
    const Result<EgressPolicy> created = EgressPolicy::create({.schemes = {}, .allowed = range});
    ASSERT_FALSE(created) << range;
    EXPECT_EQ(created.error().code, "net.egress_range");
  }
}

TEST(EgressPolicy, ChecksTheAddressThatANameResolvedTo) {
  const auto judge = [](int family, const char* text) {
    sockaddr_in6 six{};
    sockaddr_in four{};
    if (family == AF_INET) {
      four.sin_family = AF_INET;
      inet_pton(family, text, &four.sin_addr);
      return policy().check_address(reinterpret_cast<const sockaddr*>(&four), sizeof four).has_value();
    }
    six.sin6_family = AF_INET6;
    inet_pton(family, text, &six.sin6_addr);
    return policy().check_address(reinterpret_cast<const sockaddr*>(&six), sizeof six).has_value();
  };
  EXPECT_FALSE(judge(AF_INET, "127.0.0.1"));
  EXPECT_TRUE(judge(AF_INET, "93.184.216.34"));
  EXPECT_FALSE(judge(AF_INET6, "::ffff:10.0.0.1"));
  EXPECT_FALSE(judge(AF_INET6, "::1"));
  EXPECT_TRUE(judge(AF_INET6, "2606:4700::1111"));
  sockaddr_un local{};
  local.sun_family = AF_UNIX;
  EXPECT_FALSE(policy().check_address(reinterpret_cast<const sockaddr*>(&local), sizeof local));
  const sockaddr_in6 cut{
      .sin6_family = AF_INET6, .sin6_port = 0, .sin6_flowinfo = 0, .sin6_addr = {}, .sin6_scope_id = 0};
  EXPECT_FALSE(policy().check_address(reinterpret_cast<const sockaddr*>(&cut), sizeof cut - 1));
  EXPECT_FALSE(policy().check_address("192.168.0.1"));
  EXPECT_TRUE(policy().check_address("1.1.1.1"));
  EXPECT_FALSE(policy().check_address("example.org"));
}

}  // namespace
}  // namespace millrace::net
