#include "key_redirect.hpp"

#include <gtest/gtest.h>

namespace millrace::packaging {
namespace {

constexpr std::string_view kKey = "sk_00112233445566778899aabbccddeeff";

TEST(KeyRedirect, KnowsAKeyInAPath) {
  const std::string key(kKey);
  EXPECT_EQ(key_in("/live/" + key + "/index.m3u8"), kKey);
  EXPECT_EQ(key_in("/live/" + key + ".flv"), kKey);
  EXPECT_EQ(key_in("/live/" + key + "/v0/index.m3u8"), kKey);
  for (const std::string& path :
       {"/live/" + key, "/live/" + key + "0/index.m3u8", "/live/" + key.substr(1) + "/index.m3u8",
        "/other/" + key + "/index.m3u8", std::string("/live/k3v9abcdefgh/index.m3u8"), std::string("/live/"),
        std::string("/live/s"), "/live/sk_" + std::string(32, 'G') + "/index.m3u8"}) {
    EXPECT_EQ(key_in(path), std::nullopt) << path;
  }
}

TEST(KeyRedirect, LeadsToThePublicIdWithTheQuery) {
  http::Request request;
  request.path = "/live/" + std::string(kKey) + "/index.m3u8";
  request.raw_query = "a=b";
  const http::Response response = redirect_to(request, kKey, "k3v9abcdefgh");
  EXPECT_EQ(response.status, 302);
  EXPECT_EQ(response.headers.find("Location"), "/live/k3v9abcdefgh/index.m3u8?a=b");
  EXPECT_EQ(response.headers.find("Cache-Control"), "no-store");
  request.path = "/live/" + std::string(kKey) + "/a0/1-00000000000000a1-0.m4s";
  EXPECT_EQ(redirect_to(request, kKey, "k3v9abcdefgh").headers.find("Location"),
            "/live/k3v9abcdefgh/a0/1-00000000000000a1-0.m4s?a=b");
}

}  // namespace
}  // namespace millrace::packaging
