#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "routes.hpp"
#include "stream_settings.hpp"
#include "token_cache.hpp"
#include "urls.hpp"
#include "web_files.hpp"

namespace millrace::api {
namespace {

TEST(Matches, ComparesSegmentBySegment) {
  struct Case {
    std::string_view pattern, path;
    bool match;
    Parameters parameters;
  };
  const Case cases[] = {
      {"/api/a", "/api/a", true, {}},
      {"/api/a", "/api/a/", true, {}},
      {"/api/a", "/api/a//", false, {}},
      {"/api/:id", "/api/x/", true, {{"id", "x"}}},
      {"/api/a", "/api/ab", false, {}},
      {"/api/a", "/api", false, {}},
      {"/api/:id", "/api/x y", true, {{"id", "x y"}}},
      {"/api/:id", "/api/", false, {}},
      {"/api/:id", "/api/x/y", false, {}},
      {"/api/:id/:part", "/api/x/y", true, {{"id", "x"}, {"part", "y"}}},
  };
  for (const Case& c : cases) {
    Parameters parameters;
    EXPECT_EQ(matches(c.pattern, c.path, &parameters), c.match) << c.pattern << " " << c.path;
    EXPECT_EQ(parameters, c.parameters);
  }
}

TEST(FindRoute, TellsUnknownPathsFromWrongMethods) {
  EXPECT_NE(find_route(http::Method::kGet, "/api/vod/list").route, nullptr);
  EXPECT_NE(find_route(http::Method::kHead, "/api/vod/list").route, nullptr);
  const RouteMatch wrong = find_route(http::Method::kPost, "/api/vod/list");
  EXPECT_EQ(wrong.route, nullptr);
  EXPECT_EQ(wrong.methods, "GET, HEAD, OPTIONS");
  EXPECT_EQ(find_route(http::Method::kGet, "/api/none").methods, "");
}

TEST(FindRoute, PrefersTheSegmentThatIsNamed) {
  for (const std::string family : {"", "/api"}) {
    EXPECT_EQ(find_route(http::Method::kGet, family + "/stream/list").route->path, family + "/stream/list");
    EXPECT_EQ(find_route(http::Method::kGet, family + "/stream/abc").route->path,
              family + "/stream/:streamKey");
    const RouteMatch other = find_route(http::Method::kGet, family + "/stream/regenerate-key");
    EXPECT_EQ(other.route, nullptr);
    EXPECT_EQ(other.methods, "POST, OPTIONS");
    EXPECT_EQ(find_route(http::Method::kPut, family + "/stream/key/abc").methods, "DELETE, OPTIONS");
  }
}

TEST(Settings, AreReadWithTheirBounds) {
  struct Case {
    std::string_view body, field;
  };
  const Case cases[] = {
      {R"({})", ""},
      {R"({"quality":"1080p","maxBitrate":6000,"resolution":"1920x1080"})", ""},
      {R"({"quality":"","maxBitrate":0,"resolution":""})", ""},
      {R"({"quality":null,"maxBitrate":null,"resolution":null})", ""},
      {R"({"resolution":"720p"})", ""},
      {R"({"resolution":"16384x1"})", ""},
      {R"({"maxBitrate":1000000})", ""},
      {R"({"maxBitrate":1000001})", "maxBitrate"},
      {R"({"maxBitrate":-1})", "maxBitrate"},
      {R"({"maxBitrate":1e3})", "maxBitrate"},
      {R"({"maxBitrate":18446744073709551615})", "maxBitrate"},
      {R"({"maxBitrate":"6000"})", "maxBitrate"},
      {R"({"maxBitrate":true})", "maxBitrate"},
      {R"({"quality":7})", "quality"},
      {R"({"quality":"<script>"})", "quality"},
      {R"({"quality":"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"})", "quality"},
      {R"({"resolution":"16385x1"})", "resolution"},
      {R"({"resolution":"0x720"})", "resolution"},
      {R"({"resolution":"1280x"})", "resolution"},
      {R"({"resolution":"1280X720"})", "resolution"},
      {R"({"resolution":"1280x720x2"})", "resolution"},
      {R"({"resolution":"999p"})", "resolution"},
      {R"({"maxBitRate":6000})", "maxBitRate"},
      {R"({"quality":"x","settings":{"quality":"y"}})", "settings"},
  };
  for (const Case& c : cases) {
    JsonBody body = JsonBody::parse(c.body);
    const SettingsChange change = read_settings(body);
    EXPECT_EQ(body.fault() ? body.fault()->field : "", c.field) << c.body;
  }
}

TEST(Urls, HandsTheHlsServerToThePage) {
  struct Case {
    std::string_view base, config, source;
  };
  const Case cases[] = {
      {"http://localhost:8000", R"({"hlsPort":8000})", "http://*:8000"},
      {"http://127.0.0.1:81", R"({"hlsPort":81})", "http://*:81"},
      {"http://localhost", R"({"hlsPort":80})", "http://*:80"},
      {"https://cdn.example", R"({"hlsBaseUrl":"https://cdn.example"})", "https://cdn.example"},
      {"https://cdn.example/x/y", R"({"hlsBaseUrl":"https://cdn.example/x/y"})", "https://cdn.example"},
      {"http://localhost.example:8000", R"({"hlsBaseUrl":"http://localhost.example:8000"})",
       "http://localhost.example:8000"},
      {"http://a; script-src *", R"({"hlsBaseUrl":"http://a; script-src *"})", "'self'"},
  };
  for (const Case& c : cases) {
    const Urls urls{"rtmp://localhost:1935", std::string(c.base)};
    EXPECT_EQ(urls.player_config(), c.config);
    EXPECT_EQ(urls.media_source(), c.source);
  }
  const Urls urls{"rtmp://host:1", "http://host:2"};
  EXPECT_EQ(urls.publish("sk_1"), "rtmp://host:1/live/sk_1");
  EXPECT_EQ(urls.hls("id"), "http://host:2/live/id/index.m3u8");
}

TEST(TokenCache, ForgetsAfterItsLifetimeAndStaysBounded) {
  TokenCache cache;
  const TokenCache::Clock::time_point start{};
  cache.remember("t", {"alice", policy::Role::kAdmin}, 1, start);
  ASSERT_TRUE(cache.find("t", 1, start + std::chrono::seconds(4)).has_value());
  EXPECT_EQ(cache.find("t", 1, start)->subject, "alice");
  EXPECT_FALSE(cache.find("t", 1, start + TokenCache::kLifetime).has_value());
  EXPECT_FALSE(cache.find("other", 1, start).has_value());
  for (std::size_t i = 0; i <= TokenCache::kCapacity; ++i)
    cache.remember(std::to_string(i), {"x", policy::Role::kUser}, 1, start);
  EXPECT_FALSE(cache.find("0", 1, start).has_value());
  EXPECT_TRUE(cache.find(std::to_string(TokenCache::kCapacity), 1, start).has_value());
}

TEST(TokenCache, ForgetsEverythingWhenAccessChanges) {
  TokenCache cache;
  const TokenCache::Clock::time_point start{};
  cache.remember("t", {"alice", policy::Role::kAdmin}, 1, start);
  EXPECT_TRUE(cache.find("t", 1, start));
  EXPECT_FALSE(cache.find("t", 2, start)) << "it may be revoked";
  cache.remember("t", {"alice", policy::Role::kAdmin}, 1, start);
  EXPECT_FALSE(cache.find("t", 2, start)) << "asked before it was revoked";
  cache.remember("t", {"alice", policy::Role::kAdmin}, 2, start);
  EXPECT_TRUE(cache.find("t", 2, start));
}

TEST(WebFiles, ServesItsDirectoryFromMemory) {
  std::string directory = ::testing::TempDir() + "/millrace_web_XXXXXX";
  ASSERT_NE(::mkdtemp(directory.data()), nullptr);
  std::ofstream(directory + "/watch.js") << "x";
  std::ofstream(directory + "/.built") << "x";
  const WebFiles files(directory);
  std::filesystem::remove_all(directory);
  EXPECT_EQ(files.response("watch.js").status, 200);
  EXPECT_EQ(files.response("watch.js").headers.find("Content-Type"), "text/javascript; charset=utf-8");
  EXPECT_EQ(files.response(".built").status, 404);
  EXPECT_EQ(files.response("../x").status, 404);
  EXPECT_FALSE(WebFiles("/nonexistent").contains("watch.html"));
}

}  // namespace
}  // namespace millrace::api
