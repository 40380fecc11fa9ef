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
      {"HTTPS://A.Example", "https://a.example", "https://a.example"},
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

TEST(Cors, ShowsWhatAScriptNeedsToThoseWhoMayRead) {
  const auto exposed = [](std::string_view policy, std::string_view origin) {
    http::Response response;
    CorsPolicy(policy).apply(from(origin), response);
    return std::string(response.headers.find("Access-Control-Expose-Headers"));
  };
  for (const char* name : {"Retry-After", "RateLimit-Reset", "ETag", "Content-Range", "WWW-Authenticate"}) {
    EXPECT_NE(exposed("*", "https://a.example").find(name), std::string::npos) << name;
    EXPECT_NE(exposed("https://a.example", "https://a.example").find(name), std::string::npos) << name;
  }
  EXPECT_EQ(exposed("https://a.example", "https://evil.example"), "");
  EXPECT_EQ(exposed("", "https://a.example"), "");
}

TEST(Cors, AnswersPreflightsWithTheRoutesMethods) {
  const CorsPolicy policy("https://a.example");
  const http::Response good = policy.preflight(from("https://a.example"), "GET, HEAD, OPTIONS");
  EXPECT_EQ(good.status, 204);
  EXPECT_EQ(good.headers.find("Access-Control-Allow-Methods"), "GET, HEAD, OPTIONS");
  EXPECT_EQ(good.headers.find("Access-Control-Allow-Origin"), "https://a.example");
  EXPECT_EQ(good.headers.find("Vary"), "Origin");
  for (const char* name : {"Authorization", "Content-Type", "Range", "If-None-Match"}) {
    EXPECT_NE(good.headers.find("Access-Control-Allow-Headers").find(name), std::string_view::npos) << name;
  }
  EXPECT_FALSE(good.headers.contains("Access-Control-Allow-Credentials"));
  const http::Response evil = policy.preflight(from("https://evil.example"), "GET, HEAD, OPTIONS");
  EXPECT_EQ(evil.headers.find("Vary"), "Origin");
  EXPECT_FALSE(evil.headers.contains("Access-Control-Allow-Methods"));
  EXPECT_FALSE(evil.headers.contains("Access-Control-Allow-Headers"));
  EXPECT_FALSE(evil.headers.contains("Access-Control-Allow-Origin"));
}

}  // namespace
}  // namespace millrace::api
