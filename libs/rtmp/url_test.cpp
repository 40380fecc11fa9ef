#include "rtmp/url.hpp"

#include <gtest/gtest.h>

namespace millrace::rtmp {
namespace {

struct UrlCase {
  const char* text;
  const char* expected;  // tls host port user password app name
  const char* tc_url;
};

std::string describe(const Url& url) {
  return std::string(url.tls ? "tls " : "") + url.host + " " + std::to_string(url.port) + " " + url.user +
         " " + url.password + " " + url.app + " " + url.name;
}

TEST(Url, TakesUrlsApart) {
  const UrlCase cases[] = {
      {"rtmp://host/live/key", "host 1935   live key", "rtmp://host/live"},
      {"rtmps://a.b.c/app/key", "tls a.b.c 443   app key", "rtmps://a.b.c/app"},
      {"rtmp://host:1936/live/key", "host 1936   live key", "rtmp://host:1936/live"},
      {"rtmps://host:443/live/key", "tls host 443   live key", "rtmps://host/live"},
      {"rtmp://host:443/live/key", "host 443   live key", "rtmp://host:443/live"},
      {"rtmp://[::1]:1936/live/key", "::1 1936   live key", "rtmp://[::1]:1936/live"},
      {"rtmp://[2001:db8::7]/live/key", "2001:db8::7 1935   live key", "rtmp://[2001:db8::7]/live"},
      {"rtmp://127.0.0.1/live/key", "127.0.0.1 1935   live key", "rtmp://127.0.0.1/live"},
      {"rtmp://host/app/instance/key", "host 1935   app/instance key", "rtmp://host/app/instance"},
      {"rtmp://host//app/key", "host 1935   app key", "rtmp://host/app"},
      {"rtmp://host/app//key", "host 1935   app key", "rtmp://host/app"},
      {"rtmp://host/live/key?a=1&b=/x/y", "host 1935   live key?a=1&b=/x/y", "rtmp://host/live"},
      {"rtmp://joe:s3cret@host/live/key", "host 1935 joe s3cret live key", "rtmp://host/live"},
      {"rtmp://joe@host/live/key", "host 1935 joe  live key", "rtmp://host/live"},
      {"rtmp://joe%40x:a%3Ab%2F@host/live/key", "host 1935 joe@x a:b/ live key", "rtmp://host/live"},
      {"rtmp://joe:a@b@host/live/key", "host 1935 joe a@b live key", "rtmp://host/live"},
      {"rtmp://joe:%zz%4@host/live/key", "host 1935 joe %zz%4 live key", "rtmp://host/live"},
  };
  for (const UrlCase& each : cases) {
    SCOPED_TRACE(each.text);
    const auto url = parse_url(each.text);
    ASSERT_TRUE(url) << url.error().message;
    EXPECT_EQ(describe(*url), each.expected);
    EXPECT_EQ(url->tc_url(), each.tc_url);
    EXPECT_EQ(url->label(), std::string(each.tc_url).substr(url->tls ? 8 : 7));
    EXPECT_EQ(url->ipv6, url->host.find(':') != std::string::npos);
  }
}

TEST(Url, RefusesWhatItIsNot) {
  const std::string long_url = "rtmp://host/live/" + std::string(Url::kMaxBytes, 'k');
  const std::string long_host = "rtmp://" + std::string(254, 'h') + "/live/key";
  const char* cases[] = {
      "",
      "rtmp",
      "rtmp:",
      "rtmp://",
      "rtmp:///live/key",
      "rtmp://host",
      "rtmp://host/",
      "rtmp://host/live",
      "rtmp://host/live/",
      "rtmp://host//key",
      "rtmp://host/live/?a",
      "http://host/live/key",
      "file:///etc/passwd",
      "gopher://host/live/key",
      "RTMP://host/live/key",
      "rtmpt://host/live/key",
      "rtmp://host:0/live/key",
      "rtmp://host:65536/live/key",
      "rtmp://host:/live/key",
      "rtmp://host:19x/live/key",
      "rtmp://host:-1/live/key",
      "rtmp://ho st/live/key",
      "rtmp://host/live/k\ney",
      "rtmp://h\xC3\xB6st/live/key",
      "rtmp://$(x)/live/key",
      "rtmp://;rm/live/key",
      "rtmp://[::1/live/key",
      "rtmp://[]/live/key",
      "rtmp://[1234]/live/key",
      "rtmp://[::1]x/live/key",
      "rtmp://[fe80::1%25eth0]/live/key",
      "rtmp://user@/live/key",
      "//host/live/key",
      long_url.c_str(),
      long_host.c_str(),
  };
  for (const char* each : cases) {
    SCOPED_TRACE(each);
    const auto url = parse_url(each);
    ASSERT_FALSE(url);
    EXPECT_EQ(url.error().code, "rtmp.url");
    EXPECT_EQ(url.error().message.find("key"), std::string::npos);
  }
}

TEST(Url, SurvivesEveryTruncation) {
  const std::string whole = "rtmps://joe:pass@[2001:db8::1]:1936/app/instance/key?a=1";
  for (std::size_t size = 0; size <= whole.size(); ++size)
    (void)parse_url(std::string_view(whole).substr(0, size));
}

}  // namespace
}  // namespace millrace::rtmp
