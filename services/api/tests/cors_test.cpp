#include "cors.hpp"

#include <gtest/gtest.h>

namespace millrace::api {
namespace {

http::Request from(std::string_view origin) {
  http::Request request;
  if (!origin.empty()) request.headers.add("Origin", origin);
  return request;
}

TEST(Cors, LetsOnlyListedOriginsRead) {
  struct Case {
    std::string_view policy, origin, allowed;
  };
  const Case cases[] = {
      {"", "https://a.example", ""},
      {"*", "https://a.example", "*"},
      {"*", "", "*"},
      {"https://a.example", "https://a.example", "https://a.example"},
      {" https://b.example , https://a.example/", "https://a.example", "https://a.example"},
      {"https://a.example", "https://evil.example", ""},
      {"https://a.example", "https://a.example.evil.example", ""},
      {"https://a.example", "http://a.example", ""},
      {"https://a.example", "null", ""},
      {"https://a.example", "", ""},
  };
  for (const Case& c : cases) {
    http::Response response;
    CorsPolicy(c.policy).apply(from(c.origin), response);
    EXPECT_EQ(response.headers.find("Access-Control-Allow-Origin"), c.allowed) << c.policy << " " << c.origin;
    EXPECT_FALSE(response.headers.contains("Access-Control-Allow-Credentials"));
    EXPECT_EQ(response.headers.contains("Vary"), !c.policy.empty() && c.policy != "*");
  }
}

TEST(Cors, AnswersPreflightsWithTheRoutesMethods) {
  const CorsPolicy policy("https://a.example");
  const http::Response good = policy.preflight(from("https://a.example"), "GET, HEAD, OPTIONS");
  EXPECT_EQ(good.status, 204);
  EXPECT_EQ(good.headers.find("Access-Control-Allow-Methods"), "GET, HEAD, OPTIONS");
  EXPECT_EQ(good.headers.find("Access-Control-Allow-Origin"), "https://a.example");
  const http::Response evil = policy.preflight(from("https://evil.example"), "GET, HEAD, OPTIONS");
  EXPECT_FALSE(evil.headers.contains("Access-Control-Allow-Methods"));
  EXPECT_FALSE(evil.headers.contains("Access-Control-Allow-Origin"));
}

}  // namespace
}  // namespace millrace::api
