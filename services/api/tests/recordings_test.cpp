// Recordings in both families: names in pages, whose they are, details from the file, and nothing else of the
// disk.
#include <gmock/gmock.h>

#include <array>
#include <nlohmann/json.hpp>

#include "api_fixture.hpp"
#include "containers/mp4/init_segment.hpp"
#include "containers/mp4/testing/memory.hpp"
#include "containers/mp4/testing/streams.hpp"

namespace millrace::api {
namespace {

using http::testing::body_of;
using http::testing::field_of;
using http::testing::status_of;
using nlohmann::json;

constexpr const char* kAlice = "Authorization: Bearer good-alice\r\n";
constexpr const char* kCarol = "Authorization: Bearer good-carol\r\n";
const std::string kPublic = "alice-id-2026-11-20T21-49-15.123Z.mp4";
const std::string kPrivate = "carol-id-2026-11-20T21-49-15.123Z.mp4";

Bytes movie() {
  using namespace mp4;
  Bytes file = init_segment(std::array{mp4::test::video_track(), mp4::test::audio_track()});
  mp4::test::append(file, mp4::test::fragments(10, 0, 0));
  return *mp4::test::finish_bytes(file);
}

class RecordingsTest : public testing::ApiFixture {
 protected:
  void put(const std::string& name, const Bytes& bytes = {}) {
    std::ofstream(root_ / "vod" / name, std::ios::binary)
        .write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
  }
  json list(const std::string& query = {}, const char* token = "") {
    return json::parse(body_of(ask("/api/vod/list" + query, token)));
  }
};

class BeforeAuthWasHeard : public RecordingsTest {
 protected:
  BeforeAuthWasHeard() { auth_was_heard_ = false; }
};

TEST_F(BeforeAuthWasHeard, ATokenOpensNothingBeforeAuthWasHeardAndNothingOfABarredStream) {
  put(kPrivate, movie());
  put("." + kPrivate.substr(0, kPrivate.size() - 4) + ".private");
  const playback::TokenKeys keys =
      playback::TokenKeys::create(Secret("0123456789abcdef0123456789abcdef")).value();
  const std::string path =
      "/vod/file/" + kPrivate + "?token=" +
      keys.sign({.stream_id = "carol-id", .expires_s = 4'000'000'000U, .network = {}, .viewer = {}});
  const std::string early = ask(path);
  EXPECT_EQ(status_of(early), 503);
  EXPECT_EQ(field_of(early, "Retry-After"), "1");
  taken_back_.set_complete();
  EXPECT_EQ(status_of(ask(path)), 200);
  taken_back_.set_barred("carol-id", true);
  EXPECT_EQ(status_of(ask(path)), 403);
}

TEST_F(BeforeAuthWasHeard, NobodyInParticularHasRecordingsOfAStreamThatAuthDoesNotKnow) {
  const std::string name = "gone-id-2026-11-20T21-49-15.123Z.mp4";
  put(name, movie());
  for (int i = 0; i < 2; ++i) EXPECT_EQ(status_of(ask("/vod/file/" + name)), 401);
  EXPECT_EQ(list(), json::array());
  taken_back_.set_complete();
  EXPECT_EQ(status_of(ask("/vod/file/" + name)), 200);
}

TEST_F(RecordingsTest, WhatAuthWithdrawsIsPrivateWhateverWasRememberedOrKept) {
  put(kPublic, movie());
  const std::string file = "/vod/file/" + kPublic;
  const std::string details = "/vod/details/" + kPublic;
  const auto withdraw = [this](bool barred, bool yes) {
    barred ? taken_back_.set_barred("alice-id", yes) : taken_back_.set_private("alice-id", yes);
  };
  for (const bool barred : {true, false}) {
    // Twice: asked, and from memory.
    for (int i = 0; i < 2; ++i) EXPECT_EQ(status_of(ask(file)), 200);
    EXPECT_EQ(status_of(ask(details)), 200);
    EXPECT_EQ(list(), json({kPublic}));
    withdraw(barred, true);
    EXPECT_EQ(status_of(ask(file)), 401) << barred;
    EXPECT_EQ(status_of(ask(details)), 404) << barred;
    EXPECT_EQ(list(), json::array()) << barred;
    EXPECT_EQ(status_of(ask(file, kCarol)), 403) << barred;
    EXPECT_EQ(status_of(ask(file, kAlice)), 200) << barred;
    EXPECT_EQ(list("", kAlice), json({kPublic})) << barred;
    withdraw(barred, false);
  }
}

// It may have been private or banned when it was deleted, which nobody knows any more.
TEST_F(RecordingsTest, OfADeletedStreamAllIsForAdministrators) {
  const std::string name = "gone-id-2026-11-20T21-49-15.123Z.mp4";
  put(name, movie());
  for (int i = 0; i < 2; ++i) EXPECT_EQ(status_of(ask("/vod/file/" + name)), 200) << "auth never had it";
  EXPECT_EQ(list(), json({name}));
  taken_back_.set_barred("gone-id", true);
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(status_of(ask("/vod/file/" + name)), 401);
    EXPECT_EQ(status_of(ask("/vod/file/" + name, kCarol)), 403);
    EXPECT_EQ(status_of(ask("/vod/details/" + name)), 404);
    EXPECT_EQ(list(), json::array());
  }
}

TEST_F(RecordingsTest, DetailsAreTheFilesOwn) {
  const Bytes bytes = movie();
  put(kPublic, bytes);
  for (const std::string family : {"/api", ""}) {
    const std::string answer = ask(family + "/vod/details/" + kPublic);
    ASSERT_EQ(status_of(answer), 200);
    const json details = json::parse(body_of(answer));
    EXPECT_EQ(details["filename"], kPublic);
    EXPECT_EQ(details["size"], bytes.size());
    EXPECT_EQ(details["duration"], "00:00:02");
    EXPECT_NEAR(details["durationSeconds"].get<double>(), 2.0, 0.1);
    EXPECT_THAT(details["codecs"].get<std::string>(),
                ::testing::MatchesRegex("avc1\\.[0-9a-f]{6},mp4a\\.40\\.2"));
    EXPECT_EQ(details["video"]["width"], mp4::test::video_track().width);
    EXPECT_EQ(details["video"]["fps"], 25.0);
    EXPECT_EQ(details["audio"]["sampleRate"], 48'000);
    EXPECT_EQ(details["createdAt"], "2026-11-20T21:49:15.123Z");
    EXPECT_EQ(details["streamId"], "alice-id");
  }
  put("holiday.mp4", Bytes(30, 'x'));
  const json damaged = json::parse(body_of(ask("/vod/details/holiday.mp4")));
  EXPECT_EQ(damaged["size"], 30);
  EXPECT_TRUE(damaged["duration"].is_null());
  EXPECT_TRUE(damaged["video"].is_null());
  EXPECT_TRUE(damaged["streamId"].is_null());
  EXPECT_THAT(damaged["createdAt"].get<std::string>(), ::testing::EndsWith("Z"));
}

TEST_F(RecordingsTest, ContentsAreReadAnewWhenTheFileChanges) {
  put(kPublic, movie());
  auto file = open_recording(vod_, kPublic);
  ASSERT_TRUE(file);
  const auto first = recordings_->info(kPublic, *file);
  ASSERT_NE(first, nullptr);
  EXPECT_EQ(recordings_->info(kPublic, *file), first);
  put("new.mp4", Bytes(40, 'x'));
  std::filesystem::rename(root_ / "vod" / "new.mp4", root_ / "vod" / kPublic);
  file = open_recording(vod_, kPublic);
  ASSERT_TRUE(file);
  EXPECT_EQ(recordings_->info(kPublic, *file), nullptr);
}

TEST_F(RecordingsTest, FilesAreServedUnderEveryDocumentedPath) {
  put(kPublic, Bytes(10, '7'));
  for (const std::string path : {"/api/vod/file/", "/vod/file/", "/api/vod/", "/vod/"}) {
    const std::string answer = ask(path + kPublic, "Range: bytes=2-4\r\n");
    EXPECT_EQ(status_of(answer), 206) << path;
    EXPECT_EQ(body_of(answer), "777");
    EXPECT_EQ(status_of(ask(path + kPublic, "", "POST")), 405);
    EXPECT_EQ(status_of(ask(path + "none.mp4")), 404);
    EXPECT_EQ(status_of(ask(path + "..%2fsecret.mp4")), 400);
    EXPECT_EQ(status_of(ask(path + ".hidden.mp4")), 400);
  }
  for (const std::string path : {"/api/vod", "/api/vod/", "/vod", "/vod/list", "/vod/list/"}) {
    EXPECT_EQ(body_of(ask(path)), "[\"" + kPublic + "\"]") << path;
  }
}

TEST_F(RecordingsTest, DetailsNeverLeaveTheDirectory) {
  std::ofstream(root_ / "secret.mp4") << "secret";
  std::filesystem::create_symlink(root_ / "secret.mp4", root_ / "vod" / "link.mp4");
  std::filesystem::create_directories(root_ / "vod" / "directory.mp4");
  put("b.part.mp4", movie());
  const std::pair<std::string, int> refused[] = {
      {"..%2fsecret.mp4", 400},
      {"%2e%2e%2fsecret.mp4", 400},
      {"..%5csecret.mp4", 400},
      {"../secret.mp4", 400},
      {"a.mp4%00", 400},
      {".hidden.mp4", 400},
      {"link.mp4", 404},
      {"directory.mp4", 404},
      {"b.part.mp4", 404},
      {"none.mp4", 404},
      {"%252e%252e%252fsecret.mp4", 404},
  };
  for (const std::string path : {"/api/vod/details/", "/vod/details/"}) {
    for (const auto& [name, status] : refused) {
      const std::string answer = ask(path + name);
      EXPECT_EQ(status_of(answer), status) << path << name;
      EXPECT_THAT(answer, ::testing::HasSubstr("\"message\""));
    }
  }
}

TEST_F(RecordingsTest, PrivateOnesAreTheirOwnersToSee) {
  put(kPublic, movie());
  put(kPrivate, movie());
  put("holiday.mp4");
  EXPECT_EQ(list(), json({kPublic, "holiday.mp4"}));
  EXPECT_EQ(list("", kAlice), json({kPublic, "holiday.mp4"}));
  EXPECT_EQ(list("", kCarol), json({kPublic, kPrivate, "holiday.mp4"}));
  EXPECT_EQ(status_of(ask("/vod/details/" + kPrivate)), 404);
  EXPECT_EQ(status_of(ask("/vod/details/" + kPrivate, kAlice)), 404);
  EXPECT_EQ(status_of(ask("/vod/details/" + kPrivate, kCarol)), 200);
}

TEST_F(RecordingsTest, AccessIsAnsweredLikeTheFileItself) {
  put(kPublic, movie());
  put(kPrivate, movie());
  put("holiday.mp4", movie());
  put("notes.txt");
  const std::string part = "carol-id-2026-11-21T21-49-15.123Z.part.mp4";
  put(part, movie());
  const std::string absent = "alice-id-2026-01-01T00-00-00.000Z.mp4";
  for (const std::string& name : {kPublic, kPrivate, std::string("holiday.mp4"), std::string("notes.txt"),
                                  part, absent, std::string("x")}) {
    for (const char* token : {"", kAlice, kCarol}) {
      const int file = status_of(ask("/vod/file/" + name, token));
      EXPECT_EQ(status_of(ask("/vod/access/" + name, token)), file) << name << " " << token;
    }
  }
  EXPECT_EQ(status_of(ask("/vod/access/" + part)), 404);
  EXPECT_EQ(status_of(ask("/vod/access/" + kPrivate, kCarol)), 200);
}

TEST_F(RecordingsTest, PagesAreBoundedAndTheBareListIsTheNewest) {
  for (int i = 0; i < 1510; ++i) {
    const std::string name = "v" + std::to_string(10'000 + i) + ".mp4";
    put(name);
    // The first ten by name are the newest.
    const auto age = std::chrono::minutes(i < 10 ? 0 : 10);
    std::filesystem::last_write_time(root_ / "vod" / name,
                                     std::filesystem::file_time_type::clock::now() - age);
  }
  const json bare = list();
  EXPECT_EQ(bare.size(), 1500U);
  EXPECT_EQ(bare[0], "v10000.mp4");
  const std::string page = ask("/vod/list?limit=2&offset=3");
  EXPECT_EQ(body_of(page), R"(["v10003.mp4","v10004.mp4"])");
  EXPECT_EQ(field_of(page, "X-Total-Count"), "1510");
  EXPECT_EQ(list("?offset=1509"), json({"v11509.mp4"}));
  EXPECT_EQ(list("?offset=5000"), json::array());
  for (const std::string query :
       {"limit=0", "limit=-1", "limit=1501", "limit=1000000000", "limit=9223372036854775808",
        "limit=18446744073709551616", "limit=", "limit=x", "limit=1e3", "limit=5%20", "offset=-1",
        "offset=1000001", "offset=9223372036854775808"}) {
    const std::string answer = ask("/vod/list?" + query);
    EXPECT_EQ(status_of(answer), 400) << query;
    EXPECT_EQ(json::parse(body_of(answer))["field"], query.substr(0, query.find('='))) << query;
  }
}

TEST(RecordingIn, KnowsTheDocumentedPaths) {
  EXPECT_EQ(recording_in("/api/vod/file/a.mp4"), "a.mp4");
  EXPECT_EQ(recording_in("/vod/file/x/y"), "x/y");
  EXPECT_EQ(recording_in("/vod/a.mp4"), "a.mp4");
  EXPECT_EQ(recording_in("/vod/file/"), "");
  for (const std::string_view path :
       {"/vod", "/vod/", "/vod/list", "/vod/list/", "/vod/details/a.mp4", "/api/api/vod/a.mp4", "/x"})
    EXPECT_EQ(recording_in(path), std::nullopt) << path;
}

}  // namespace
}  // namespace millrace::api
