#include "delivery.hpp"

#include <gtest/gtest.h>

#include <map>
#include <sstream>

#include "http/server.hpp"
#include "http/test_client.hpp"
#include "stream_package.hpp"
#include "test_publisher.hpp"

namespace millrace::packaging {
namespace {

using http::testing::body_of;
using http::testing::field_of;
using http::testing::status_of;

constexpr std::int64_t kNow = 1'000;

playback::TokenKeys keys() {
  return playback::TokenKeys::create(Secret("0123456789abcdef0123456789abcdef")).value();
}

// A published stream of forty whole segments, packaged and delivered over a real connection.
class DeliveryTest : public ::testing::Test {
 protected:
  void SetUp() override {
    gate_.revocations.set_complete();
    arena_ = make_arena(directory_.path());
    publisher_ = std::make_unique<TestPublisher>(*arena_, TestPublisher::Options{});
    std::shared_ptr<media::ArenaReader> reader =
        media::ArenaReader::open(directory_.path(), "ingest", "test").value();
    publisher_->groups(4);
    package_.update({sources(reader)}, 0);  // the first three
    publisher_->groups(36);
    publisher_->frame(0);
    package_.update({sources(reader)}, 0);
    views_.publish(package_.view(), this);
    server_ = http::Server::start({}, [this](http::Request&& request, const http::Responder& responder) {
                auto outcome = delivery_.answer(request, 0, WallTime::from_seconds(kNow));
                responder(std::move(std::get<http::Response>(outcome)));
              }).value();
  }

  std::string request(const std::string& method, const std::string& path, const std::string& fields = "") {
    http::testing::TestClient client(server_->port());
    client.send(method + " " + path + " HTTP/1.1\r\nHost: x\r\nUser-Agent: test\r\n" + fields + "\r\n");
    return client.read_answer(method == "HEAD");
  }
  std::string get(const std::string& name, const std::string& fields = "") {
    return request("GET", "/live/s1/" + name, fields);
  }
  std::string segment(std::int64_t back, const std::string& rendition = "v0") {
    return rendition + '/' +
           to_string(
               segment_name(package_.view()->offered[package_.view()->offered.size() - 1 - back]->segment()));
  }
  // What the lists lead to, as their names are resolved.
  std::vector<std::string> objects(const std::string& query = "") {
    std::vector<std::string> found = {"index.m3u8" + query, "master.m3u8" + query};
    for (const std::string& list : names_in(body_of(get("index.m3u8" + query)))) {
      found.push_back(list);
      const std::string directory = list.substr(0, list.find('/') + 1);
      for (const std::string& name : names_in(body_of(get(list)))) found.push_back(directory + name);
    }
    return found;
  }
  static std::vector<std::string> names_in(std::string_view playlist) {
    constexpr std::string_view kUri = "URI=\"";
    std::vector<std::string> names;
    std::istringstream lines{std::string(playlist)};
    for (std::string line; std::getline(lines, line);) {
      const std::size_t uri = line.find(kUri);
      if (!line.starts_with('#')) {
        names.push_back(line);
      } else if (uri != std::string::npos) {
        names.push_back(
            line.substr(uri + kUri.size(), line.find('"', uri + kUri.size()) - uri - kUri.size()));
      }
    }
    return names;
  }

  ScratchDirectory directory_;
  std::unique_ptr<media::ArenaWriter> arena_;
  std::unique_ptr<TestPublisher> publisher_;
  StreamPackage package_{"s1", WindowPolicy{.segments = 4}};
  ViewTable views_;
  ViewerCounter viewers_;
  Metrics metrics_;
  PlaybackGate gate_{keys()};
  Delivery delivery_{views_, gate_, viewers_, metrics_};
  std::unique_ptr<http::Server> server_;
};

TEST_F(DeliveryTest, GivesPlaylistsThatMayBeCachedForAMoment) {
  for (const char* name : {"index.m3u8", "master.m3u8", "v0/index.m3u8", "a0/index.m3u8"}) {
    const std::string answer = get(name);
    EXPECT_EQ(status_of(answer), 200);
    EXPECT_EQ(field_of(answer, "Content-Type"), "application/vnd.apple.mpegurl");
    EXPECT_EQ(field_of(answer, "Cache-Control"), "public, max-age=1");
    EXPECT_EQ(field_of(answer, "Access-Control-Allow-Origin"), "*");
    EXPECT_EQ(field_of(answer, "Access-Control-Allow-Credentials"), "");
    EXPECT_TRUE(body_of(answer).starts_with("#EXTM3U\n"));
    const std::string unchanged =
        get(name, "If-None-Match: " + std::string(field_of(answer, "ETag")) + "\r\n");
    EXPECT_EQ(status_of(unchanged), 304);
  }
}

// One object has one address, whatever the list is called.
TEST_F(DeliveryTest, ListsByOlderNamesLeadToTheSameObjects) {
  const auto other = [&](const std::string& name) { return request("GET", "/streams/s1/" + name); };
  for (const char* name : {"index.m3u8", "master.m3u8"}) {
    const std::string answer = other(name);
    EXPECT_EQ(status_of(answer), 200);
    EXPECT_EQ(field_of(answer, "Content-Type"), "application/vnd.apple.mpegurl");
    std::vector<std::string> names = names_in(body_of(get(name)));
    for (std::string& object : names) object.insert(0, "../../live/s1/");
    EXPECT_EQ(names_in(body_of(answer)), names);
  }
  const std::string manifest = other("dash/manifest.mpd");
  EXPECT_EQ(status_of(manifest), 200);
  EXPECT_NE(manifest.find("media=\"../../../live/s1/v0/"), std::string::npos) << manifest;
  EXPECT_NE(manifest.find("initialization=\"../../../live/s1/a0/init-"), std::string::npos) << manifest;
  EXPECT_EQ(manifest.find("\"v0/"), std::string::npos);
  EXPECT_EQ(status_of(other("v0/index.m3u8")), 404);
  EXPECT_EQ(status_of(request("GET", "/streams/s2/index.m3u8")), 404);
}

TEST_F(DeliveryTest, GivesEveryListedSegmentAndInitSegmentForEver) {
  std::map<std::string, int> given;  // by type
  for (const std::string& name : objects()) {
    if (name.ends_with(".m3u8")) continue;
    const std::string answer = get(name);
    EXPECT_EQ(status_of(answer), 200) << name;
    EXPECT_EQ(field_of(answer, "Content-Type"), name.starts_with("v0/") ? "video/mp4" : "audio/mp4");
    EXPECT_EQ(field_of(answer, "Cache-Control"), "public, max-age=31536000, immutable");
    EXPECT_EQ(field_of(answer, "Content-Length"), std::to_string(body_of(answer).size()));
    EXPECT_FALSE(field_of(answer, "ETag").empty());
    ++given[std::string(field_of(answer, "Content-Type"))];
  }
  EXPECT_EQ(given, (std::map<std::string, int>{{"audio/mp4", 16}, {"video/mp4", 16}}));
}

TEST_F(DeliveryTest, GivesRangesAndHeads) {
  const std::string whole = get(segment(0));
  const std::string part = get(segment(0), "Range: bytes=10-19\r\n");
  EXPECT_EQ(status_of(part), 206);
  EXPECT_EQ(body_of(part), body_of(whole).substr(10, 10));
  const std::string tail = get(segment(0), "Range: bytes=-7\r\n");
  EXPECT_EQ(body_of(tail), body_of(whole).substr(body_of(whole).size() - 7));
  EXPECT_EQ(status_of(get(segment(0), "Range: bytes=9999999-\r\n")), 416);
  const std::string head = request("HEAD", "/live/s1/" + segment(0));
  EXPECT_EQ(status_of(head), 200);
  EXPECT_EQ(field_of(head, "Content-Length"), std::to_string(body_of(whole).size()));
  EXPECT_EQ(body_of(head), "");
}

TEST_F(DeliveryTest, TellsWhatIsGoneFromWhatNeverWas) {
  const std::uint64_t last = package_.view()->offered.back()->segment().media_sequence;
  const struct {
    std::string name;
    int status;
  } table[] = {{segment(34), 200},
               {segment(34, "a0"), 200},
               {segment(34, "a1"), 404},
               {"v0/" + to_string(SegmentName{PublicationId{0xA1}, 0, last - 39}), 410},
               {"a0/" + to_string(SegmentName{PublicationId{0xA1}, 0, last - 37}), 410},
               {"v0/" + to_string(SegmentName{PublicationId{0xA1}, 0, last - 40}), 404},
               {"v0/" + to_string(SegmentName{PublicationId{0xA1}, 1, last - 39}), 404},
               {"v0/" + to_string(SegmentName{PublicationId{0xA2}, 0, last - 39}), 404},
               {"v0/1-00000000000000a1-0.m4s", 404},
               {"v0/" + to_string(SegmentName{PublicationId{0xA1}, 0, last + 3}), 404},
               {"v0/p1-00000000000000a1-0.m4s", 404},
               {"v0/" + std::to_string(last - 39) + "-gap.m4s", 404},
               {"v0/p1-00000000000000a2-0.m4s", 404},
               {"v0/p01-00000000000000a1-0.m4s", 404},
               {"v0/" + to_string(SegmentName{PublicationId{0xA1}, 1, last}), 404},
               {"v0/" + to_string(SegmentName{PublicationId{0xA2}, 0, last}), 404},
               {to_string(SegmentName{PublicationId{0xA1}, 0, last}), 404},
               {"v0/init-00000000000000a1-0-9.mp4", 404},
               {"v0/init-00000000000000a1-0-1.mp4", 404},
               {"v0/init-00000000000000a1-1-0.mp4", 404},
               {"v0/init-00000000000000a2-0-1.mp4", 404},
               {"v0/init-a1-0-1.mp4", 404},
               {"init-00000000000000a1-0-0.mp4", 404},
               {"v0/master.m3u8", 404},
               {"v1/index.m3u8", 404},
               {"V0/index.m3u8", 404},
               {"v0/x/index.m3u8", 404},
               {"v0/", 404},
               {"index.m3u8x", 404},
               {"index.M3U8", 404},
               {"..%2f..%2fetc%2fpasswd", 400}};
  for (const auto& row : table) {
    const std::string answer = get(row.name);
    EXPECT_EQ(status_of(answer), row.status) << row.name;
    if (row.status == 404 || row.status == 410) {
      EXPECT_EQ(field_of(answer, "Cache-Control"), "public, max-age=1");
      EXPECT_EQ(field_of(answer, "Access-Control-Allow-Origin"), "*");
    }
  }
  for (const char* path :
       {"/", "/live/s1", "/live/s2/index.m3u8", "/live/<script>/index.m3u8", "/vod/s1/index.m3u8"}) {
    const int status = status_of(request("GET", path));
    EXPECT_TRUE(status == 404 || status == 400) << path << " " << status;
  }
}

TEST_F(DeliveryTest, AnswersOtherMethodsAndPreflights) {
  const std::string preflight = request("OPTIONS", "/live/s1/index.m3u8", "Origin: http://evil\r\n");
  EXPECT_EQ(status_of(preflight), 204);
  EXPECT_EQ(field_of(preflight, "Access-Control-Allow-Origin"), "*");
  EXPECT_NE(field_of(preflight, "Access-Control-Allow-Headers").find("Range"), std::string::npos);
  const std::string post = request("POST", "/live/s1/index.m3u8", "Content-Length: 0\r\n");
  EXPECT_EQ(status_of(post), 405);
  EXPECT_EQ(field_of(post, "Allow"), "GET, HEAD, OPTIONS");
}

TEST_F(DeliveryTest, GivesAPrivateStreamToThoseWithATokenForIt) {
  const std::vector<std::string> names = objects();
  ASSERT_GE(names.size(), 12U);
  gate_.revocations.set_private("s1", true);
  gate_.revocations.revoke({7, 0}, WallTime::from_seconds(9999));
  const playback::Claims good{.stream_id = "s1", .expires_s = 2000, .network = {}, .viewer = {}};
  const auto token = [&](auto change) {
    playback::Claims claims = good;
    change(claims);
    return "?token=" + keys().sign(claims);
  };
  const std::string fine = token([](auto&) {});
  std::string changed = fine;
  changed[20] = changed[20] == 'x' ? 'y' : 'x';
  const struct {
    const char* what;
    std::string query;
    int list, part;  // status
  } table[] = {
      {"good", fine, 200, 200},
      {"a second parameter", "?a=b&token=" + fine.substr(7), 200, 200},
      {"its own address", token([](auto& c) { c.network = playback::Network::parse("127.0.0.0/8"); }), 200,
       200},
      {"none", "", 401, 401},
      {"empty", "?token=", 401, 401},
      {"changed", changed, 401, 401},
      {"cut", fine.substr(0, fine.size() - 1), 401, 401},
      {"just over", token([](auto& c) { c.expires_s = 999; }), 401, 200},
      {"long over", token([](auto& c) { c.expires_s = 970; }), 401, 401},
      {"of another stream", token([](auto& c) { c.stream_id = "s2"; }), 403, 403},
      {"of another address", token([](auto& c) { c.network = playback::Network::parse("192.0.2.1"); }), 403,
       403},
      {"taken back", token([](auto& c) {
         c.viewer = playback::Viewer{7, 3};
       }),
       403, 403},
  };
  for (const auto& row : table) {
    for (const std::string& name : names) {
      const std::string answer = get(name + row.query);
      EXPECT_EQ(status_of(answer), name.ends_with(".m3u8") ? row.list : row.part) << row.what << ": " << name;
      EXPECT_NE(field_of(answer, "Cache-Control").find("no-store"), std::string::npos) << row.what;
      EXPECT_EQ(field_of(answer, "Cache-Control").find("public"), std::string::npos) << row.what;
      if (status_of(answer) >= 400) {
        EXPECT_EQ(body_of(answer).find("token="), std::string::npos);
      }
    }
  }
}

TEST_F(DeliveryTest, HandsTheTokenOnInPlaylists) {
  const std::vector<std::string> plain = objects();
  EXPECT_EQ(objects("?token=abc").at(2).find("?token"), std::string::npos)
      << "a public stream knows no tokens";
  gate_.revocations.set_private("s1", true);
  const std::string query =
      "?token=" + keys().sign({.stream_id = "s1", .expires_s = 2000, .network = {}, .viewer = {}});
  const std::vector<std::string> signed_names = objects(query);
  ASSERT_EQ(plain.size(), signed_names.size());
  for (std::size_t i = 0; i < plain.size(); ++i) {
    EXPECT_EQ(signed_names[i], plain[i] + query);
    EXPECT_EQ(status_of(get(signed_names[i])), 200);
  }
  for (const char* const list : {"index.m3u8", "v0/index.m3u8"})
    EXPECT_EQ(status_of(request("HEAD", "/live/s1/" + (list + query))), 200);
}

TEST_F(DeliveryTest, GivesNothingBeforeItIsKnownWhoMayWatch) {
  PlaybackGate gate{keys()};
  Delivery delivery{views_, gate, viewers_, metrics_};
  gate.revocations.revoke({7, 0}, WallTime::from_seconds(9999));
  http::Request request;
  request.path = "/live/s1/" + segment(0);
  const std::string good = keys().sign(
      {.stream_id = "s1", .expires_s = static_cast<std::uint32_t>(kNow + 60), .network = {}, .viewer = {}});
  for (const std::string& path : {std::string("/live/s1/index.m3u8"), std::string("/live/s1/a0/index.m3u8"),
                                  "/live/s1/" + segment(0)}) {
    for (const std::string& query : {std::string(), good}) {
      request.path = path;
      request.query = {{"token", query}};
      const auto outcome = delivery.answer(request, 0, WallTime::from_seconds(kNow));
      const auto& response = std::get<http::Response>(outcome);
      EXPECT_EQ(response.status, 503) << path;
      EXPECT_EQ(response.headers.find("Retry-After"), "1");
      EXPECT_EQ(response.headers.find("Cache-Control"), "no-store");
    }
  }
  gate.revocations.set_complete();
  const auto outcome = delivery.answer(request, 0, WallTime::from_seconds(kNow));
  EXPECT_EQ(std::get<http::Response>(outcome).status, 200);
}

TEST_F(DeliveryTest, GivesNothingOfABarredStreamWhateverTheToken) {
  const std::string good = "?token=" + keys().sign({.stream_id = "s1",
                                                    .expires_s = static_cast<std::uint32_t>(kNow + 60),
                                                    .network = {},
                                                    .viewer = {}});
  gate_.revocations.set_barred("s1", true);
  for (const std::string& name :
       {std::string("index.m3u8"), std::string("v0/index.m3u8"), segment(0), segment(0, "a0")}) {
    for (const std::string& query : {std::string(), good}) {
      const std::string answer = get(name + query);
      EXPECT_EQ(status_of(answer), 404) << name;
      EXPECT_EQ(field_of(answer, "Cache-Control"), "no-store");
    }
  }
  gate_.revocations.set_barred("s1", false);
  EXPECT_EQ(status_of(get("index.m3u8")), 200) << "switched on again";
}

TEST_F(DeliveryTest, GivesNothingOfAStreamThatCameBackPrivate) {
  const std::vector<std::string> names = objects();
  TestPublisher::Options options;
  options.publication_id = PublicationId{0xA2};
  options.epoch = Epoch{2};
  options.is_private = true;
  publisher_->log().end(media::LogEnd::kTakenOver);
  TestPublisher secret(*arena_, options);
  std::shared_ptr<media::ArenaReader> reader =
      media::ArenaReader::open(directory_.path(), "ingest", "test").value();
  package_.update({sources(reader)}, 0);
  views_.publish(package_.view(), this);
  for (const std::string& object : names) EXPECT_EQ(status_of(get(object)), 401) << object;
}

TEST_F(DeliveryTest, CountsViewersAndWhatTheyAreGiven) {
  // One player: it asks for three playlists.
  std::size_t bytes = 0;
  for (const std::string& name : {std::string("index.m3u8"), std::string("v0/index.m3u8"),
                                  std::string("a0/index.m3u8"), segment(1), segment(1, "a0")})
    bytes += body_of(get(name)).size();
  request("HEAD", "/live/s1/" + segment(0));
  bytes += body_of(get("v0/index.m3u8", "If-None-Match: \"other\"\r\n")).size();
  const auto told = viewers_.collect(2'999'999);
  ASSERT_EQ(told.size(), 1U);
  EXPECT_EQ(told[0].viewers, 1U);
  EXPECT_EQ(told[0].sent_bytes, bytes);
  EXPECT_EQ(viewers_.collect(3'000'000).at(0).viewers, 0U) << "three target durations";
}

// CTA-5004: each playback has a name of its own, sent with the query or in a field.
TEST_F(DeliveryTest, CountsPlaybacksBehindOneAddressApart) {
  for (const std::string session : {"one", "two"}) {
    get("index.m3u8?CMCD=sf%3Dh%2Csid%3D%22" + session + "%22");
    get("v0/index.m3u8", "CMCD-Session: sf=h,sid=\"" + session + "\"\r\nCMCD-Status: bs\r\n");
  }
  EXPECT_EQ(viewers_.collect(0).at(0).viewers, 2U);
}

TEST_F(DeliveryTest, GivesTheManifestAsPlaylistsAreGiven) {
  const std::string answer = get("manifest.mpd");
  EXPECT_EQ(status_of(answer), 200);
  EXPECT_EQ(field_of(answer, "Content-Type"), "application/dash+xml");
  EXPECT_EQ(field_of(answer, "Cache-Control"), "public, max-age=1");
  EXPECT_EQ(field_of(answer, "Access-Control-Allow-Origin"), "*");
  EXPECT_EQ(
      status_of(get("manifest.mpd", "If-None-Match: " + std::string(field_of(answer, "ETag")) + "\r\n")),
      304);
  EXPECT_EQ(status_of(get("v0/manifest.mpd")), 404);
  for (const char* const name : {"manifest.mpd", "manifest.mpd?ll=0"}) {
    const std::string coded = get(name, "Accept-Encoding: gzip\r\n");
    EXPECT_EQ(status_of(coded), 200);
    EXPECT_EQ(field_of(coded, "Content-Encoding"), "gzip");
  }
}

TEST_F(DeliveryTest, TellsItsTimeToEverybodyAnew) {
  const std::string answer = request("GET", "/time");
  EXPECT_EQ(body_of(answer), "1970-01-01T00:16:40.000Z");
  EXPECT_EQ(field_of(answer, "Cache-Control"), "no-store");
  EXPECT_EQ(field_of(answer, "Access-Control-Allow-Origin"), "*");
}

// The wall clock at the publication's beginning, and what the steady one has counted since.
TEST_F(DeliveryTest, TellsTheTimeThatAStreamsDatesAreOf) {
  const WallTime stepped = WallTime::from_seconds(kNow + 3600);
  const auto time = [&](const std::string& name, const std::string& value) {
    http::Request wanted;
    wanted.path = "/time";
    wanted.query = {{name, value}};
    return std::get<std::string>(std::get<http::Response>(delivery_.answer(wanted, 5'000'000, stepped)).body);
  };
  EXPECT_EQ(time("stream", "s1"), rfc3339(WallTime::from_us(1'800'000'005'000'000)));
  EXPECT_EQ(time("stream", ""), rfc3339(stepped));
  EXPECT_EQ(time("stream", "s9"), rfc3339(stepped));
  EXPECT_EQ(time("other", "s1"), rfc3339(stepped));
  EXPECT_NE(body_of(get("manifest.mpd")).find("value=\"/time?stream=s1\""), std::string::npos);
}

TEST_F(DeliveryTest, HasNoListsOfWhatIsSwitchedOff) {
  const auto status = [this](Protocols protocols, const std::string& path) {
    Delivery delivery(views_, gate_, viewers_, metrics_, protocols);
    http::Request wanted;
    wanted.path = "/live/s1/" + path;
    return std::get<http::Response>(delivery.answer(wanted, 0, WallTime::from_seconds(kNow))).status;
  };
  for (const char* const list : {"index.m3u8", "master.m3u8", "v0/index.m3u8"}) {
    EXPECT_EQ(status({.hls = false}, list), 404) << list;
    EXPECT_EQ(status({.dash = false}, list), 200) << list;
  }
  EXPECT_EQ(status({.hls = false}, "manifest.mpd"), 200);
  EXPECT_EQ(status({.dash = false}, "manifest.mpd"), 404);
  EXPECT_EQ(status({.hls = false}, segment(0)), 200);
}

}  // namespace
}  // namespace millrace::packaging
