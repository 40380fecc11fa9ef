#include "edge.hpp"

#include <gmock/gmock.h>

#include <nlohmann/json.hpp>
#include <set>
#include <thread>

#include "api_fixture.hpp"
#include "routes.hpp"

namespace millrace::api {
namespace {

using http::testing::body_of;
using http::testing::field_of;
using http::testing::status_of;
using http::testing::TestClient;
using nlohmann::json;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr const char* kAlice = "Authorization: Bearer good-alice\r\n";

class EdgeTest : public testing::ApiFixture {};

TEST_F(EdgeTest, AnswersEveryEndpointAsDocumented) {
  const std::string key(testing::kKey);
  const json stream_key = json::parse(body_of(ask("/api/stream/key", kAlice)));
  EXPECT_EQ(stream_key, json({{"streamKey", key},
                              {"streamUrl", "rtmp://localhost:1935/live/" + key},
                              {"hlsUrl", "http://localhost:8000/live/alice-id/index.m3u8"},
                              {"streamId", "alice-id"}}));
  const json list = json::parse(body_of(ask("/api/stream/list", kAlice)));
  EXPECT_EQ(list["streams"][0]["isLive"], true);
  EXPECT_EQ(list["streams"][0]["metrics"], json({{"bitrate", 3000}, {"latency", 150}, {"bandwidth", 3600}}));
  EXPECT_EQ(list["streams"][0]["settings"],
            json({{"quality", "1080p"}, {"maxBitrate", 6000}, {"resolution", ""}}));
  const json live = {{"isLive", true},    {"bitrate", 3000},        {"latency", 150},
                     {"bandwidth", 3600}, {"streamId", "alice-id"}, {"viewers", 7}};
  EXPECT_EQ(json::parse(body_of(ask("/api/stream/status/alice-id"))), live);
  EXPECT_EQ(json::parse(body_of(ask("/api/stream/status/" + key))), live);
  const json offline = json::parse(body_of(ask("/api/stream/status/bob-id")));
  EXPECT_EQ(offline["isLive"], false);
  EXPECT_EQ(offline["bitrate"], 0);
  EXPECT_EQ(body_of(ask("/api/vod/list")), "[]");
  EXPECT_EQ(ask("/assets/config.json").find("evil.example"), std::string::npos);
  EXPECT_EQ(body_of(ask("/assets/config.json")), R"({"hlsPort":8000})");
}

TEST_F(EdgeTest, AsksOnceForAllWhoReadTheSameWithinASecond) {
  ASSERT_EQ(status_of(ask("/api/stream/status/bob-id")), 200);
  auth_questions_ = 0;
  std::vector<std::thread> clients;
  std::atomic<int> good{0};
  clients.reserve(8);
  for (int i = 0; i < 8; ++i) {
    clients.emplace_back([&] {
      for (int n = 0; n < 25; ++n) good += status_of(ask("/api/stream/status/alice-id")) == 200 ? 1 : 0;
    });
  }
  for (std::thread& client : clients) client.join();
  EXPECT_EQ(good, 200);
  EXPECT_GE(auth_questions_, 1);
  EXPECT_LT(auth_questions_, 100);
  // What is for one client only is never kept: an answer to a token, and what says nothing of being shared.
  auth_questions_ = 0;
  for (int i = 0; i < 5; ++i) EXPECT_EQ(status_of(ask("/api/stream/key", kAlice)), 200);
  EXPECT_GE(auth_questions_, 5);
  EXPECT_EQ(field_of(ask("/api/stream/key", kAlice), "Cache-Control"), "no-store");
}

// An answer made for one asker by chance, and one that says no-store: never another's, however many ask at
// once.
TEST_F(EdgeTest, SharesNothingThatTheTableDoesNotMark) {
  std::mutex mutex;
  std::set<std::string> tags;
  std::vector<std::thread> clients;
  clients.reserve(16);
  for (int i = 0; i < 16; ++i) {
    clients.emplace_back([&] {
      for (int n = 0; n < 20; ++n) {
        const std::string tag = ask("/api/ads/vast-tag");
        ASSERT_EQ(status_of(tag), 200);
        const std::lock_guard lock(mutex);
        tags.emplace(body_of(tag));
      }
    });
  }
  for (std::thread& client : clients) client.join();
  EXPECT_EQ(tags.size(), 320U);
}

TEST(Sharing, IsMarkedForReadingWhatAnybodyMayRead) {
  std::set<std::string_view> shared;
  for (const Route& route : routes()) {
    if (route.sharing == Sharing::kNone) continue;
    EXPECT_EQ(route.method, http::Method::kGet) << route.path;
    EXPECT_EQ(policy::judge({}, route.operation), policy::Verdict::kAllowed) << route.path;
    if (route.path.starts_with("/api/")) shared.insert(route.path.substr(4));
  }
  EXPECT_THAT(shared, ::testing::ElementsAre("/metrics", "/metrics/:streamKey", "/stream/health/:streamKey",
                                             "/stream/metrics/:streamKey", "/stream/status/:streamKey",
                                             "/vod", "/vod/details/:filename", "/vod/list"));
}

// However many wait for a question that fails: it is asked once.
TEST_F(EdgeTest, AFailureIsEverybodysWhoWaitedForIt) {
  upstream_->connect_to(0);
  std::vector<std::thread> clients;
  std::atomic<int> failed{0};
  clients.reserve(4);
  for (int i = 0; i < 4; ++i) {
    clients.emplace_back([&] {
      const int status = status_of(ask("/api/stream/status/alice-id"));
      failed += status == 503 || status == 504 ? 1 : 0;
    });
  }
  EXPECT_TRUE(eventually([&] { return server_->statistics().pending == 4; }));
  upstream_->stop();
  for (std::thread& client : clients) client.join();
  EXPECT_EQ(failed, 4);
  EXPECT_EQ(upstream_->statistics().requests, 1U);
}

TEST_F(EdgeTest, RefusesWithExactStatusesAndProblemDocuments) {
  struct Case {
    std::string method, target, fields;
    int status;
    std::string type;
  };
  const Case cases[] = {
      {"GET", "/api/stream/key", "", 401, "unauthorized"},
      {"GET", "/api/stream/key", "Authorization: Bearer wrong\r\n", 401, "unauthorized"},
      {"GET", "/api/stream/key", "Authorization: Bearer \r\n", 401, "unauthorized"},
      {"GET", "/api/stream/key", "Authorization: Basic Z29vZDphbGljZQ==\r\n", 401, "unauthorized"},
      {"GET", "/api/stream/key", "Authorization: Bearer good-" + std::string(5000, 'x') + "\r\n", 401,
       "unauthorized"},
      {"GET", "/api/stream/list", "", 401, "unauthorized"},
      {"GET", "/api/stream/list?token=good-alice", "", 401, "unauthorized"},
      {"GET", "/api/stream/key",
       "X-Millrace-Authorization: Bearer good-alice\r\nX-Millrace-Edge: edge-secret\r\n", 401,
       "unauthorized"},
      {"GET", "/api/stream/status/nobody", "", 404, "stream_unknown"},
      {"GET", "/api/stream/status/a%20b", "", 404, "stream_unknown"},
      {"GET", "/api/stream/status/%3Cscript%3E", "", 404, "stream_unknown"},
      {"GET", "/api/stream/status/" + std::string(129, 'a'), "", 404, "stream_unknown"},
      {"GET", "/api/stream/status/" + std::string(8000, 'a'), "", 414, "target_too_long"},
      {"GET", "/api/stream/status/", "", 401, "unauthorized"},  // details of a stream "status"
      {"GET", "/api/stream/status/x/", "", 404, "stream_unknown"},
      {"GET", "/api/none", "", 404, "not_found"},
      {"POST", "/", kAlice, 405, "method_not_allowed"},
      {"GET", "/internal/probe", "", 404, "not_found"},
      {"POST", "/api/stream/key", kAlice, 405, "method_not_allowed"},
      {"TRACE", "/api/stream/key", kAlice, 405, "method_not_allowed"},
      {"DELETE", "/api/vod/file/a.mp4", "", 405, "method_not_allowed"},
      {"GET", "/watch/a%20b", "", 404, "not_found"},
      {"GET", "/watch/%3Cscript%3Ealert(1)%3C%2Fscript%3E", "", 400, "bad_request"},
      {"GET", "/watch/", "", 404, "not_found"},
      {"GET", "/assets/none.js", "", 404, "not_found"},
      {"GET", "/assets/../watch.html", "", 400, "bad_request"},
  };
  for (const Case& c : cases) {
    const std::string answer = ask(c.target, c.fields, c.method);
    EXPECT_EQ(status_of(answer), c.status) << c.method << " " << c.target.substr(0, 60);
    EXPECT_EQ(field_of(answer, "Content-Type"), "application/problem+json");
    const json document = json::parse(body_of(answer), nullptr, false);
    ASSERT_TRUE(document.is_object()) << answer;
    EXPECT_EQ(document["type"], "urn:millrace:" + c.type) << c.target.substr(0, 60);
    EXPECT_TRUE(document["detail"].is_string()) << c.target.substr(0, 60);
    EXPECT_EQ(document["message"], document["detail"]) << c.target.substr(0, 60);
    EXPECT_NE(document["title"], "Unknown") << c.target.substr(0, 60);
    EXPECT_THAT(answer, Not(HasSubstr("<script>")));
  }
  EXPECT_EQ(field_of(ask("/api/stream/key"), "WWW-Authenticate"), "Bearer");
  EXPECT_EQ(field_of(ask("/api/stream/key", "", "PUT"), "Allow"), "GET, HEAD, OPTIONS");
}

TEST_F(EdgeTest, AnswersHeadAndPreflightWithoutAToken) {
  const std::string head = ask("/api/vod/list", "", "HEAD");
  EXPECT_EQ(status_of(head), 200);
  EXPECT_EQ(field_of(head, "Content-Length"), "2");
  EXPECT_EQ(body_of(head), "");
  const std::string preflight = ask(
      "/api/stream/key", "Origin: https://site.example\r\nAccess-Control-Request-Method: GET\r\n", "OPTIONS");
  EXPECT_EQ(status_of(preflight), 204);
  EXPECT_EQ(field_of(preflight, "Access-Control-Allow-Origin"), "https://site.example");
  EXPECT_EQ(auth_questions_, 0);
  EXPECT_EQ(field_of(ask("/api/vod/list", "Origin: https://site.example\r\n"), "Access-Control-Allow-Origin"),
            "https://site.example");
  EXPECT_EQ(
      field_of(ask("/api/stream/key", "Origin: https://site.example\r\n"), "Access-Control-Allow-Origin"),
      "https://site.example");
  EXPECT_EQ(field_of(ask("/api/vod/list", "Origin: https://evil.example\r\n"), "Access-Control-Allow-Origin"),
            "");
}

TEST_F(EdgeTest, ServesFinishedRecordingsWithRangesAndNothingElse) {
  std::ofstream(root_ / "secret.mp4") << "secret";
  std::ofstream(root_ / "vod" / "a-2026-11-20T21-49-15.123Z.mp4") << "0123456789";
  std::ofstream(root_ / "vod" / "b.part.mp4") << "unfinished";
  std::ofstream(root_ / "vod" / ".c.mp4") << "unfinished";
  std::ofstream(root_ / "vod" / "notes.txt") << "text";
  std::filesystem::create_symlink(root_ / "secret.mp4", root_ / "vod" / "link.mp4");
  const std::string file = "/api/vod/file/a-2026-11-20T21-49-15.123Z.mp4";
  EXPECT_EQ(body_of(ask("/api/vod/list")), R"(["a-2026-11-20T21-49-15.123Z.mp4"])");
  const std::string whole = ask(file);
  EXPECT_EQ(status_of(whole), 200);
  EXPECT_EQ(field_of(whole, "Content-Type"), "video/mp4");
  EXPECT_EQ(body_of(whole), "0123456789");
  const std::string part = ask(file, "Range: bytes=2-4\r\n");
  EXPECT_EQ(status_of(part), 206);
  EXPECT_EQ(field_of(part, "Content-Range"), "bytes 2-4/10");
  EXPECT_EQ(body_of(part), "234");
  EXPECT_EQ(status_of(ask(file, "If-None-Match: " + std::string(field_of(whole, "ETag")) + "\r\n")), 304);
  EXPECT_EQ(field_of(ask(file, "", "HEAD"), "Content-Length"), "10");
  const std::pair<std::string, int> refused[] = {
      {"b.part.mp4", 404},
      {".c.mp4", 400},
      {"notes.txt", 404},
      {"link.mp4", 404},
      {"none.mp4", 404},
      {"..", 400},
      {"../secret.mp4", 400},
      {"%2e%2e", 400},
      {"..%2fsecret.mp4", 400},
      {"..%5csecret.mp4", 400},
      {"a.mp4%00", 400},
      {"", 400},
      {"%252e%252e%252fsecret.mp4", 404},
      {"x/y.mp4", 400},
      {"..;/secret.mp4", 400},
  };
  for (const auto& [name, status] : refused) {
    const std::string answer = ask("/api/vod/file/" + name);
    EXPECT_EQ(status_of(answer), status) << name;
    EXPECT_THAT(answer, Not(HasSubstr("secret\r\n")));
    EXPECT_THAT(std::string(body_of(answer)), Not(HasSubstr("unfinished")));
  }
}

TEST_F(EdgeTest, ServesTheSameWatchPageForEveryStream) {
  const std::string page = ask("/watch/alice-id");
  EXPECT_EQ(status_of(page), 200);
  EXPECT_EQ(body_of(page), "<video>");
  EXPECT_THAT(std::string(field_of(page, "Content-Security-Policy")),
              HasSubstr("default-src 'none'; script-src 'self'"));
  EXPECT_THAT(std::string(field_of(page, "Content-Security-Policy")), HasSubstr("http://*:8000"));
}

TEST_F(EdgeTest, SaysWhatThereIsToWhoOpensTheServersAddress) {
  const std::string page = ask("/");
  EXPECT_EQ(status_of(page), 200);
  EXPECT_EQ(body_of(page), "<ul>");
  EXPECT_THAT(std::string(field_of(page, "Content-Security-Policy")), HasSubstr("default-src 'none'"));
  EXPECT_THAT(std::string(field_of(page, "Content-Type")), HasSubstr("text/html"));
}

TEST_F(EdgeTest, RemembersAGoodTokenAndNeverABadOne) {
  for (int i = 0; i < 5; ++i) EXPECT_EQ(status_of(ask("/api/stream/key", kAlice)), 200);
  EXPECT_EQ(auth_questions_, 6);  // one token, five streams
  for (int i = 0; i < 3; ++i)
    EXPECT_EQ(status_of(ask("/api/stream/key", "Authorization: Bearer bad\r\n")), 401);
  EXPECT_EQ(auth_questions_, 9);
}

TEST_F(EdgeTest, AnswersQuicklyWhenAuthIsSilentOrGone) {
  auth_silent_ = true;
  const auto start = std::chrono::steady_clock::now();
  const std::string silent = ask("/api/stream/key", kAlice);
  EXPECT_EQ(status_of(silent), 503);
  EXPECT_EQ(field_of(silent, "Retry-After"), "1");
  EXPECT_THAT(silent, HasSubstr("urn:millrace:auth_unavailable"));
  EXPECT_GE(std::chrono::steady_clock::now() - start, std::chrono::milliseconds(1900));
  auth_->stop();
  auth_.reset();
  ASSERT_TRUE(eventually([&] { return peers_->presence("auth") == Peers::Presence::kLost; }));
  EXPECT_EQ(status_of(ask("/api/stream/key", kAlice)), 503);
  EXPECT_EQ(status_of(ask("/api/stream/status/alice-id")), 503);
  EXPECT_EQ(status_of(ask("/api/vod/list")), 200);
  auth_silent_ = false;
  start_auth();
  EXPECT_TRUE(eventually([&] { return status_of(ask("/api/stream/key", kAlice)) == 200; }));
}

TEST_F(EdgeTest, AnswersAtOnceWhenTheApplicationIsGoneAndReturnsWithIt) {
  application_.reset();
  upstream_->connect_to(0);
  EXPECT_EQ(status_of(ask("/api/vod/file/none.mp4")), 404);
  start_application();
  upstream_->connect_to(application_->port());
  EXPECT_EQ(status_of(ask("/api/vod/list")), 200);
}

// Pistache, as it is, gives answers to the wrong client when clients leave early.
TEST_F(EdgeTest, GivesEveryClientItsOwnAnswerWhileOthersLeaveEarly) {
  std::atomic<int> wrong{0};
  std::atomic<int> right{0};
  std::atomic<int> refused{0};  // more than the queue holds at that moment
  const auto client_loop = [&](int number) {
    const std::string name = "user" + std::to_string(number);
    for (int i = 0; i < 60; ++i) {
      TestClient client(server_->port());
      client.send("GET /api/stream/key HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer good-" + name +
                  "\r\n\r\n");
      if (number % 2 == 0) {
        client.reset();
        continue;
      }
      const std::string answer = client.read_answer();
      const bool own =
          status_of(answer) == 200 && answer.find("\"streamId\":\"" + name + "-id\"") != std::string::npos;
      (own ? right : status_of(answer) == 503 ? refused : wrong) += 1;
    }
  };
  std::vector<std::thread> clients;
  clients.reserve(12);
  for (int i = 0; i < 12; ++i) clients.emplace_back(client_loop, i);
  for (std::thread& client : clients) client.join();
  EXPECT_EQ(wrong, 0);
  EXPECT_EQ(right + refused, 360);
  EXPECT_GT(right, 0);
  EXPECT_EQ(upstream_->statistics().failures, 0U);
}

}  // namespace
}  // namespace millrace::api
