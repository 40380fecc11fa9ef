// What players of the past may rely on, and what nobody may ask of it.
#include <filesystem>
#include <future>

#include "dvr_delivery_fixture.hpp"

namespace millrace::packaging {
namespace {

using DvrRequestsTest = DvrDeliveryTest;

std::size_t count(std::string_view text, std::string_view what) {
  std::size_t found = 0;
  for (std::size_t at = text.find(what); at != std::string_view::npos; at = text.find(what, at + 1)) ++found;
  return found;
}

std::uint64_t media_sequence(const std::string& list) {
  constexpr std::string_view kTag = "#EXT-X-MEDIA-SEQUENCE:";
  const std::size_t at = list.find(kTag);
  return at == std::string::npos ? 0 : std::stoull(list.substr(at + kTag.size()));
}

// The media sequence after its last one.
std::uint64_t end_of(const std::string& list) {
  return media_sequence(list) + count(list, ".m4s\n");
}

// Holds the archive's threads from then on: what was asked for before is done, what is asked for waits.
class Hold {
 public:
  explicit Hold(DvrArchive& archive) {
    for (std::size_t i = 0; i < DvrArchive::kThreads; ++i) {
      EXPECT_TRUE(archive.post([held = held_, freed = freed_] {
        ++*held;
        freed.wait();
      }));
    }
    while (*held_ < DvrArchive::kThreads) std::this_thread::yield();
  }
  ~Hold() { free_.set_value(); }

 private:
  std::promise<void> free_;
  const std::shared_future<void> freed_ = free_.get_future().share();
  const std::shared_ptr<std::atomic<std::size_t>> held_ = std::make_shared<std::atomic<std::size_t>>(0);
};

// Recording is late: players have the list by then.
TEST_F(DvrRequestsTest, ALiveStreamsListsStayWhateverIsRecorded) {
  publish(false, PublicationId{0xA1}, Epoch{1}, 3);
  const std::string first = get("v0/dvr.m3u8");
  ASSERT_EQ(status_of(first), 200) << first;
  ASSERT_EQ(status_of(get("dvr.mpd")), 200);
  for (int i = 0; i < 8; ++i) {
    go_on(10);
    for (const char* const name : {"dvr.m3u8", "v0/dvr.m3u8", "dvr.mpd"})
      EXPECT_EQ(status_of(get(name)), 200) << name << ' ' << i;
  }
  let_it_age();
  const std::string unrecorded = get("v0/dvr.m3u8");
  ASSERT_EQ(status_of(unrecorded), 200) << unrecorded;
  EXPECT_EQ(media_sequence(unrecorded), media_sequence(first));
  const std::uint64_t end = end_of(get("v0/index.m3u8?ll=0"));
  EXPECT_EQ(end_of(unrecorded), end) << unrecorded;
  EXPECT_GT(count(unrecorded, "#EXT-X-GAP\n"), 0U) << unrecorded;
  const std::string body(body_of(first));
  for (std::size_t at = body.find(".m4s\n"); at != std::string::npos; at = body.find(".m4s\n", at + 5)) {
    const std::string name = body.substr(body.rfind('\n', at) + 1, at + 4 - body.rfind('\n', at) - 1);
    EXPECT_NE(unrecorded.find(name), std::string::npos) << name << " has another name now";
  }
  record();
  let_it_age();
  const std::string recorded = get("v0/dvr.m3u8");
  EXPECT_EQ(media_sequence(recorded), media_sequence(first));
  EXPECT_EQ(end_of(recorded), end);
  EXPECT_EQ(count(recorded, "#EXT-X-GAP\n"), 0U) << recorded;
  std::filesystem::remove(recording_path());
  go_on(5);
  let_it_age();
  const std::string deleted = get("v0/dvr.m3u8");
  EXPECT_EQ(status_of(deleted), 200) << deleted;
  EXPECT_GE(media_sequence(deleted), media_sequence(first));
  EXPECT_EQ(end_of(deleted), end_of(get("v0/index.m3u8?ll=0")));
}

// Caches tell requests apart by their queries as they are written.
TEST_F(DvrRequestsTest, RefuseWhatLiveListsRefuse) {
  publish();
  record();
  for (const char* const query : {"_HLS_skip=no", "_HLS_skip=YES&_HLS_skip=YES", "_HLS_skip=v2&_HLS_skip=YES",
                                  "%5FHLS_skip=YES", "_hls_skip=YES", "_HLS_part=1", "_HLS_msn=x"}) {
    EXPECT_EQ(status_of(get(std::string("v0/index.m3u8?") + query)), 400) << query;
    const std::string answer = get(std::string("v0/dvr.m3u8?") + query);
    EXPECT_EQ(status_of(answer), 400) << query;
    EXPECT_EQ(field_of(answer, "Cache-Control"), "no-store");
    EXPECT_EQ(field_of(answer, "Access-Control-Allow-Origin"), "*");
  }
  for (const char* const query : {"%5FHLS_skip=YES", "_hls_skip=YES", "LL=0", "l%6C=0"}) {
    for (const char* const name :
         {"index.m3u8", "manifest.mpd", "dvr.m3u8", "dvr.mpd", "v0/index.m3u8", "v0/dvr.m3u8"})
      EXPECT_EQ(status_of(get(std::string(name) + "?" + query)), 400) << name << '?' << query;
  }
  EXPECT_NE(get("v0/dvr.m3u8?_HLS_skip=YES").find("#EXT-X-SKIP"), std::string::npos);
}

// It has asked, and waits.
std::unique_ptr<http::testing::TestClient> asking(const http::Server& server, const std::string& path,
                                                  const std::string& address) {
  auto client = std::make_unique<http::testing::TestClient>(server.port());
  const std::uint64_t before = server.statistics().requests;
  client->send("GET /live/s1/" + path + " HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: " + address + "\r\n\r\n");
  while (server.statistics().requests == before) std::this_thread::yield();
  return client;
}

TEST_F(DvrRequestsTest, OneAddressTakesNobodyElsesPlace) {
  publish();
  record();
  const std::string segment = "v0/" + first_segment(body_of(get("v0/dvr.m3u8")));
  std::vector<std::unique_ptr<http::testing::TestClient>> waiting;
  auto hold = std::make_unique<Hold>(*archive_);
  for (std::size_t i = 0; i < DvrDelivery::kMostOfAddress; ++i)
    waiting.push_back(asking(*server_, i % 2 == 0 ? segment : "v0/dvr.m3u8", "192.0.2.1"));
  for (const std::string& path : {segment, std::string("v0/dvr.m3u8")}) {
    const std::string refused = asking(*server_, path, "192.0.2.1")->read_answer();
    EXPECT_EQ(status_of(refused), 503) << path << refused;
    EXPECT_EQ(field_of(refused, "Retry-After"), "1");
  }
  // What is not known to be recorded is answered as without a past.
  EXPECT_EQ(status_of(asking(*server_, "a0/1-00000000000000a1-0.m4s", "192.0.2.1")->read_answer()), 404);
  waiting.push_back(asking(*server_, segment, "192.0.2.2"));
  hold = nullptr;
  for (const auto& client : waiting) EXPECT_EQ(status_of(client->read_answer()), 200);
  EXPECT_EQ(status_of(asking(*server_, segment, "192.0.2.1")->read_answer()), 200)
      << "it has its places back";
}

TEST_F(DvrRequestsTest, NothingIsReadForWhoHasLeft) {
  publish();
  record();
  const std::string segment = "v0/" + first_segment(body_of(get("v0/dvr.m3u8")));
  const auto sent = [&] {
    std::uint64_t bytes = 0;
    for (const StreamViewers& stream : viewers_.collect(0)) bytes += stream.sent_bytes;
    return bytes;
  };
  const std::uint64_t before = sent();
  ASSERT_GT(before, 0U);
  for (const std::string& path : {segment, std::string("v0/dvr.m3u8")}) {
    auto hold = std::make_unique<Hold>(*archive_);
    asking(*server_, path, "192.0.2.1")->reset();
    while (server_->statistics().connections > 0) std::this_thread::yield();
    hold = nullptr;
    const Hold done(*archive_);
    EXPECT_EQ(sent(), before) << path;
  }
}

}  // namespace
}  // namespace millrace::packaging
