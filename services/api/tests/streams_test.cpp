// The routes of streams and their numbers, in both families, as the documented API has them.
#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "api_fixture.hpp"
#include "base/clock.hpp"
#include "live_hub.hpp"

namespace millrace::api {
namespace {

using http::testing::body_of;
using http::testing::field_of;
using http::testing::status_of;
using nlohmann::json;

constexpr const char* kAlice = "Authorization: Bearer good-alice\r\n";
constexpr const char* kBob = "Authorization: Bearer good-bob\r\n";
constexpr const char* kCarol = "Authorization: Bearer good-carol\r\n";
const std::string kKey(testing::kKey);
const std::string kNewKey(testing::kNewKey);
const std::string kStreamUrl = "rtmp://localhost:1935/live/" + kKey;
const std::string kHlsUrl = "http://localhost:8000/live/alice-id/index.m3u8";

class StreamsTest : public testing::ApiFixture {
 protected:
  // Both families give the same; status and document.
  std::pair<int, json> both(const std::string& method, const std::string& path, const char* token,
                            const std::string& body = {}) {
    const std::string first = ask("/api" + path, token, method, body);
    const std::string second = ask(path, token, method, body);
    EXPECT_EQ(status_of(first), status_of(second)) << path;
    EXPECT_EQ(body_of(first), body_of(second)) << path;
    return {status_of(first), json::parse(body_of(first), nullptr, false)};
  }
};

TEST_F(StreamsTest, AnswersAsDocumentedInBothFamilies) {
  const json metrics = {{"bitrate", 3000}, {"latency", 150}, {"bandwidth", 3600}};
  const json settings = {{"quality", "1080p"}, {"maxBitrate", 6000}, {"resolution", ""}};
  const json details = {{"streamKey", kKey},
                        {"streamId", "alice-id"},
                        {"streamUrl", kStreamUrl},
                        {"hlsUrl", kHlsUrl},
                        {"isLive", true},
                        {"viewers", 7},
                        {"isPrivate", false},
                        {"metrics", metrics},
                        {"settings", settings},
                        {"createdAt", "2023-11-14T22:13:20.123Z"},
                        {"updatedAt", "2023-11-14T22:13:21.000Z"}};
  const json renewed = {{"success", true},
                        {"message", "Stream key regenerated successfully"},
                        {"newStreamKey", kNewKey},
                        {"newStreamUrl", "rtmp://localhost:1935/live/" + kNewKey},
                        {"hlsUrl", kHlsUrl},
                        {"streamKey", kNewKey},
                        {"streamUrl", "rtmp://localhost:1935/live/" + kNewKey},
                        {"streamId", "alice-id"}};
  const json measured = {
      {"bitrate", 3000}, {"bandwidth", 3600}, {"latency", 150}, {"lastUpdated", 1'700'000'002'345}};
  struct Case {
    std::string method, path;
    const char* token;
    json expected;
  };
  const Case cases[] = {
      {"GET",
       "/stream/key",
       kAlice,
       {{"streamKey", kKey}, {"streamUrl", kStreamUrl}, {"hlsUrl", kHlsUrl}, {"streamId", "alice-id"}}},
      {"GET",
       "/stream/credentials",
       kAlice,
       {{"streamKey", kKey},
        {"streamUrl", kStreamUrl},
        {"hlsUrl", kHlsUrl},
        {"streamId", "alice-id"},
        {"isStreaming", true},
        {"streamSettings", settings}}},
      {"GET", "/stream/list", kAlice, {{"streams", {details}}}},
      {"GET", "/stream/details/" + kKey, kAlice, details},
      {"GET", "/stream/" + kKey, kAlice, details},
      {"GET", "/stream/alice-id", kAlice, details},
      {"GET", "/stream/alice-id/", kAlice, details},
      {"GET",
       "/stream/status/" + kKey,
       "",
       {{"isLive", true},
        {"bitrate", 3000},
        {"latency", 150},
        {"bandwidth", 3600},
        {"streamId", "alice-id"},
        {"viewers", 7}}},
      {"GET",
       "/stream/metrics/alice-id",
       "",
       {{"bitrate", 3000},
        {"fps", 29.97},
        {"resolution", "1280x720"},
        {"totalViewers", 31},
        {"peakViewers", 9},
        {"latency", 150},
        {"bandwidth", 3600},
        {"isLive", true},
        {"streamId", "alice-id"},
        {"viewers", 7}}},
      {"GET",
       "/stream/metrics/bob-id",
       "",
       {{"bitrate", 0},
        {"fps", 0.0},
        {"resolution", "0x0"},
        {"totalViewers", 0},
        {"peakViewers", 0},
        {"latency", 0},
        {"bandwidth", 0},
        {"isLive", false},
        {"streamId", "bob-id"},
        {"viewers", 0}}},
      {"GET",
       "/stream/health/alice-id",
       "",
       {{"streamId", "alice-id"},
        {"isLive", true},
        {"score", 85},
        {"level", "good"},
        {"reasons", {"low_frame_rate"}},
        {"intervalSeconds", 5},
        {"history", json::array({{{"time", 1'700'000'002'345}, {"score", 40}, {"reasons", {"stalled"}}}})}}},
      {"GET",
       "/stream/health/bob-id",
       "",
       {{"streamId", "bob-id"},
        {"isLive", false},
        {"score", 0},
        {"level", "offline"},
        {"reasons", json::array()},
        {"intervalSeconds", 0},
        {"history", json::array()}}},
      {"GET", "/metrics/alice-id", "", measured},
      {"GET", "/metrics/bob-id", "", {{"bitrate", 0}, {"bandwidth", 0}, {"latency", 0}, {"lastUpdated", 0}}},
      {"GET", "/metrics", "", {{"alice-id", measured}}},
      {"POST",
       "/stream/start/" + kKey,
       kAlice,
       {{"success", true},
        {"message", "Stream started successfully"},
        {"streamUrl", kStreamUrl},
        {"hlsUrl", kHlsUrl}}},
      {"POST",
       "/stream/stop/alice-id",
       kAlice,
       {{"success", true}, {"message", "Stream stopped successfully"}}},
      {"DELETE", "/stream/key/" + kKey, kAlice, renewed},
      {"POST", "/stream/regenerate-key", kAlice, renewed},
  };
  for (const Case& c : cases) {
    const auto [status, document] = both(c.method, c.path, c.token);
    EXPECT_EQ(status, 200) << c.method << " " << c.path;
    EXPECT_EQ(document, c.expected) << c.path;
  }
}

TEST_F(StreamsTest, ShowsAndChangesNothingOfOthers) {
  struct Case {
    std::string method, path;
  };
  const Case cases[] = {
      {"GET", "/stream/details/"}, {"GET", "/stream/"},           {"POST", "/stream/start/"},
      {"POST", "/stream/stop/"},   {"POST", "/stream/settings/"}, {"DELETE", "/stream/key/"},
  };
  for (const Case& c : cases) {
    const std::string body = c.method == "POST" ? "{}" : "";
    for (const std::string& name :
         {std::string("alice-id"), kKey, std::string("nobody"), std::string("a%20b")}) {
      const auto [status, document] = both(c.method, c.path + name, kBob, body);
      EXPECT_EQ(status, 404) << c.path << name;
      EXPECT_EQ(document["type"], "urn:millrace:stream_unknown");
      EXPECT_EQ(document["message"], "There is no such stream.");
      EXPECT_EQ(both(c.method, c.path + name, "", body).first, 401) << c.path << name;
    }
  }
  EXPECT_TRUE(changes().empty());
}

TEST_F(StreamsTest, APrivateStreamIsItsOwnersToSee) {
  for (const std::string path : {"/stream/status/carol-id", "/stream/metrics/carol-id",
                                 "/stream/health/carol-id", "/metrics/carol-id"}) {
    EXPECT_EQ(both("GET", path, "").first, 404) << path;
    EXPECT_EQ(both("GET", path, kAlice).first, 404) << path;
    EXPECT_EQ(both("GET", path, kCarol).first, 200) << path;
  }
}

TEST_F(StreamsTest, SettingsAreMergedAndFaultsNameTheField) {
  const auto [status, document] =
      both("POST", "/stream/settings/" + kKey, kAlice, R"({"maxBitrate":4000,"resolution":"1280x720"})");
  EXPECT_EQ(status, 200);
  EXPECT_EQ(document,
            json({{"success", true},
                  {"message", "Stream settings updated successfully"},
                  {"settings", {{"quality", "1080p"}, {"maxBitrate", 4000}, {"resolution", "1280x720"}}}}));
  ASSERT_EQ(changes().size(), 2U);
  EXPECT_EQ(changes()[0].update_settings().stream_id(), "alice-id");
  EXPECT_FALSE(changes()[0].update_settings().has_quality());
  const std::pair<std::string, std::string> wrong[] = {
      {R"({"maxBitrate":"4000"})", "maxBitrate"},
      {R"({"resolution":"big"})", "resolution"},
      {R"({"quality":5})", "quality"},
      {R"({"bitrate":4000})", "bitrate"},
  };
  for (const auto& [body, field] : wrong) {
    const auto [refused, problem] = both("POST", "/stream/settings/alice-id", kAlice, body);
    EXPECT_EQ(refused, 400) << body;
    EXPECT_EQ(problem["field"], field);
    EXPECT_THAT(problem["message"].get<std::string>(), ::testing::StartsWith(field + ":"));
  }
  for (const std::string body : {"[]", "null", "{", "7"}) {
    EXPECT_EQ(both("POST", "/stream/settings/alice-id", kAlice, body).first, 400) << body;
  }
  EXPECT_EQ(changes().size(), 2U);
}

TEST_F(StreamsTest, OldClientsGetKeysInPublicPlacesWhereTheOperatorSaysSo) {
  urls_.public_keys = true;
  const std::string with_key = "http://localhost:8000/live/" + kKey + "/index.m3u8";
  EXPECT_EQ(both("GET", "/stream/key", kAlice).second["hlsUrl"], with_key);
  EXPECT_EQ(both("GET", "/stream/list", kAlice).second["streams"][0]["hlsUrl"], with_key);
  EXPECT_EQ(both("POST", "/stream/start/alice-id", kAlice).second["hlsUrl"], with_key);
  EXPECT_EQ(both("POST", "/stream/regenerate-key", kAlice).second["hlsUrl"],
            "http://localhost:8000/live/" + kNewKey + "/index.m3u8");
  const json everything = both("GET", "/metrics", "").second;
  ASSERT_EQ(everything.size(), 1U);
  EXPECT_EQ(everything.begin().key(), kKey);
}

// Whether the operator says so or not, and whether auth answers or not.
TEST_F(StreamsTest, TheLiveFeedCallsStreamsAsMetricsDoes) {
  const auto live = std::make_shared<LiveShared>(taken_back_);
  live->monotonic_us = monotonic_us;
  live->wall_now = wall_now;
  const Urls without_keys = urls_;
  urls_.public_keys = true;
  PublicNames ids(*peers_, without_keys);
  LiveHub hub({}, live);
  hub.name_by(&ids);
  metrics::v1::StreamMetrics numbers;
  numbers.set_stream_id("alice-id");
  numbers.set_live(true);
  const auto text_to_anybody = [&] {
    const auto anybody = hub.make_client();
    anybody->join();
    hub.update({std::make_shared<const metrics::v1::StreamMetrics>(numbers)});
    LiveText text;
    std::optional<http::WebSocketClose> close;
    EXPECT_TRUE(eventually([&] { return (text = anybody->next(close)) != nullptr; }));
    return text ? *text : std::string();
  };
  const auto name_in = [](const std::string& text) {
    return json::parse(text)["data"]["streamKey"].get<std::string>();
  };
  const int before = auth_questions_;
  EXPECT_EQ(name_in(text_to_anybody()), "alice-id");
  EXPECT_EQ(auth_questions_, before) << "no key is asked for";

  hub.name_by(names_.get());
  EXPECT_TRUE(eventually([&] { return name_in(text_to_anybody()) == kKey; }));
  EXPECT_EQ(both("GET", "/metrics", "").second.begin().key(), kKey);
  numbers.set_live(false);
  EXPECT_TRUE(eventually([&] {
    return !live->board.is_live("alice-id") || name_in(text_to_anybody()) == kKey;
  })) << "its end is told under the same name";
  numbers.set_live(true);
  auth_silent_ = true;
  EXPECT_TRUE(eventually([&] { return name_in(text_to_anybody()) == kKey; })) << "what is known is enough";
  numbers.set_stream_id("bob-id");
  EXPECT_TRUE(eventually([&] {
    hub.update({std::make_shared<const metrics::v1::StreamMetrics>(numbers)});
    const auto anybody = hub.make_client();
    anybody->join();
    std::string all;
    std::optional<http::WebSocketClose> close;
    for (LiveText text = anybody->next(close); text; text = anybody->next(close)) all += *text;
    return all.find("bob-id") != std::string::npos;
  })) << "who is not known yet has its id";

  hub.name_by(&ids);
  numbers.set_stream_id("alice-id");
  EXPECT_TRUE(eventually([&] { return name_in(text_to_anybody()) == "alice-id"; }));
}

// What metrics would report if it reported anything: it does not any more after this.
metrics::v1::MetricsUpdated last_report() {
  metrics::v1::MetricsUpdated event;
  for (const char* id : {"alice-id", "bob-id", "gone-id"}) {
    metrics::v1::StreamMetrics& stream = *event.add_streams();
    stream.set_stream_id(id);
    stream.set_live(true);
    stream.set_bitrate_kbps(3000);
  }
  return event;
}

TEST_F(StreamsTest, WhatAuthWithdrawsIsShownToStrangersNoMoreThoughMetricsHangs) {
  feed_.update(last_report(), monotonic_us());
  const auto listed = [this](const char* token) {
    std::vector<std::string> ids;
    const json streams = json::parse(body_of(ask("/api/metrics", token)));
    for (const auto& [id, numbers] : streams.items()) ids.push_back(id);
    return ids;
  };
  EXPECT_THAT(listed(""), ::testing::ElementsAre("alice-id", "bob-id", "gone-id"));
  EXPECT_EQ(status_of(ask("/api/stream/status/alice-id")), 200);
  taken_back_.set_barred("gone-id", true);  // its account was deleted
  taken_back_.set_barred("alice-id", true);
  EXPECT_THAT(listed(""), ::testing::ElementsAre("bob-id"));
  taken_back_.set_private("bob-id", true);
  EXPECT_TRUE(listed("").empty());
  EXPECT_THAT(listed(kAlice), ::testing::ElementsAre("alice-id"));
  EXPECT_THAT(listed(kBob), ::testing::ElementsAre("bob-id"));
  for (const std::string path : {"/stream/status/alice-id", "/stream/metrics/alice-id",
                                 "/stream/health/alice-id", "/metrics/alice-id"}) {
    EXPECT_EQ(both("GET", path, "").first, 404) << path;
    EXPECT_EQ(both("GET", path, kBob).first, 404) << path;
    EXPECT_EQ(both("GET", path, kAlice).first, 200) << path;
  }
}

class StreamsBeforeAuthWasHeard : public StreamsTest {
 protected:
  StreamsBeforeAuthWasHeard() { auth_was_heard_ = false; }
};

TEST_F(StreamsBeforeAuthWasHeard, NobodyInParticularIsShownTheList) {
  feed_.update(last_report(), monotonic_us());
  EXPECT_EQ(body_of(ask("/api/metrics")), "{}");
  EXPECT_EQ(json::parse(body_of(ask("/api/metrics", kAlice))).count("alice-id"), 1U);
}

TEST_F(StreamsTest, StopHoldsTheEncoderOffAndStartLetsItIn) {
  EXPECT_EQ(status_of(ask("/api/stream/stop/alice-id", kAlice, "POST")), 200);
  EXPECT_EQ(status_of(ask("/api/stream/start/alice-id", kAlice, "POST")), 200);
  ASSERT_EQ(changes().size(), 2U);
  EXPECT_TRUE(changes()[0].hold_stream().cut());
  EXPECT_EQ(changes()[0].hold_stream().hold_us(), 7'000'000);
  EXPECT_FALSE(changes()[1].hold_stream().cut());
  EXPECT_EQ(changes()[1].hold_stream().hold_us(), 0);
}

TEST_F(StreamsTest, StatusCostsAuthOneQuestionASecondAndAChangeIsSeenAtOnce) {
  const int before = auth_questions_;
  for (int i = 0; i < 20; ++i) EXPECT_EQ(status_of(ask("/api/stream/status/alice-id")), 200);
  for (int i = 0; i < 20; ++i) EXPECT_EQ(status_of(ask("/api/stream/status/nobody")), 404);
  EXPECT_LE(auth_questions_ - before, 20);
  (void)ask("/api/stream/status/" + kKey);
  ASSERT_TRUE(directory_->remembered(kKey, StreamDirectory::Clock::now()).has_value());
  (void)ask("/api/stream/regenerate-key", kAlice, "POST");
  EXPECT_FALSE(directory_->remembered(kKey, StreamDirectory::Clock::now()).has_value());
}

}  // namespace
}  // namespace millrace::api
