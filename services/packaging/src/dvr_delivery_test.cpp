// Going back over a real connection: which lists and objects there are, and for whom.
#include "dvr_delivery_fixture.hpp"

namespace millrace::packaging {
namespace {

std::size_t count(std::string_view text, std::string_view what) {
  std::size_t found = 0;
  for (std::size_t at = text.find(what); at != std::string_view::npos; at = text.find(what, at + 1)) ++found;
  return found;
}

TEST_F(DvrDeliveryTest, GivesTheWholeWindowUnderTheNamesOfTheLiveStream) {
  publish();
  record();
  const std::string all = get("dvr.m3u8");
  EXPECT_EQ(status_of(all), 200) << all;
  EXPECT_EQ(field_of(all, "Content-Type"), "application/vnd.apple.mpegurl");
  EXPECT_EQ(field_of(all, "Cache-Control"), "public, max-age=1");
  EXPECT_NE(body_of(all).find("\nv0/dvr.m3u8\n"), std::string::npos) << all;
  const std::string list = get("v0/dvr.m3u8");
  std::size_t count = 0;
  for (std::size_t at = list.find(".m4s\n"); at != std::string::npos; at = list.find(".m4s\n", at + 1))
    ++count;
  EXPECT_EQ(count, 40U) << list;
  const std::string segment = "v0/" + first_segment(body_of(list));
  const std::string answer = get(segment);
  EXPECT_EQ(status_of(answer), 200) << segment << answer;
  EXPECT_EQ(field_of(answer, "Content-Type"), "video/mp4");
  EXPECT_EQ(field_of(answer, "Cache-Control"), "public, max-age=31536000, immutable");
  EXPECT_EQ(field_of(answer, "Access-Control-Allow-Origin"), "*");
  EXPECT_EQ(field_of(answer, "ETag"), '"' + segment.substr(3) + '"');
  EXPECT_EQ(body_of(get(segment, "Range: bytes=8-19\r\n")), body_of(answer).substr(8, 12));
  EXPECT_EQ(status_of(request("HEAD", "/live/s1/" + segment)), 200);
  EXPECT_EQ(status_of(request("OPTIONS", "/live/s1/dvr.m3u8")), 204);
  EXPECT_EQ(status_of(request("POST", "/live/s1/dvr.m3u8")), 405);
  EXPECT_EQ(status_of(get("v9/dvr.m3u8")), 404);
  EXPECT_EQ(status_of(get("a0/1-00000000000000a1-0.m4s")), 404) << "as without a past";
  // The log has gone, the file is finished.
  views_.withdraw("s1", this);
  write_file(directory_.path() + "/s1-2026-11-20T21-49-15.123Z.mp4", recording_.finished());
  std::this_thread::sleep_for(std::chrono::microseconds(DvrArchive::kFreshUs));
  const std::string after = get("v0/dvr.m3u8");
  EXPECT_TRUE(body_of(after).ends_with("#EXT-X-ENDLIST\n")) << after;
  EXPECT_EQ(body_of(get(segment)), body_of(answer));
  const std::string init = list.substr(list.find("init-"), list.find(".mp4") + 4 - list.find("init-"));
  EXPECT_EQ(status_of(get("v0/" + init)), 200);
  EXPECT_EQ(status_of(get("index.m3u8")), 404);
}

// A group is 200 ms, the first one begins at 1,800,000,000.
TEST_F(DvrDeliveryTest, GivesPartOfThePastByItsDates) {
  publish();
  record();
  const std::string query = "?start=1800000001&end=1800000002.1";
  const std::string all = get("dvr.m3u8" + query);
  EXPECT_NE(body_of(all).find("\nv0/dvr.m3u8?start=1800000001.000000&end=1800000002.100000\n"),
            std::string::npos)
      << all;
  const std::string whole = get("v0/dvr.m3u8");
  for (const char* rendition : {"v0", "a0"}) {
    const std::string clip = get(std::string(rendition) + "/dvr.m3u8" + query);
    EXPECT_EQ(status_of(clip), 200) << clip;
    EXPECT_EQ(field_of(clip, "Cache-Control"), "public, max-age=1");
    EXPECT_NE(field_of(clip, "ETag"), field_of(whole, "ETag"));
    EXPECT_TRUE(body_of(clip).ends_with("#EXT-X-ENDLIST\n")) << clip;
    const auto segments = count(clip, "#EXTINF");
    EXPECT_TRUE(segments == 6 || segments == 7) << clip;
    EXPECT_EQ(status_of(get(rendition + ('/' + first_segment(body_of(clip))))), 200);
  }
  const std::string manifest = get("dvr.mpd" + query);
  EXPECT_NE(body_of(manifest).find("type=\"static\""), std::string::npos) << manifest;
  for (const char* list : {"dvr.m3u8", "v0/dvr.m3u8", "dvr.mpd"}) {
    const std::string one = get(std::string(list) + "?start=1800000001.01&end=1800000001.02");
    EXPECT_EQ(status_of(one), 200) << list << ": of one segment";
  }
  const std::string going_on = get("v0/dvr.m3u8?start=1800000001");
  EXPECT_EQ(body_of(going_on).find("#EXT-X-ENDLIST"), std::string::npos) << "its end is to come";
  EXPECT_EQ(first_segment(body_of(going_on)), first_segment(body_of(get("v0/dvr.m3u8" + query))));
  for (const char* list : {"dvr.m3u8", "v0/dvr.m3u8", "dvr.mpd"}) {
    EXPECT_EQ(status_of(get(std::string(list) + "?start=1800001000")), 404) << list;
    EXPECT_EQ(status_of(get(std::string(list) + "?end=1799999999")), 404) << list;
    for (const char* wrong :
         {"?start=1&start=1", "?start=", "?end=%31", "?END=1", "?start=x", "?start=2&end=1"}) {
      const std::string answer = get(list + std::string(wrong));
      EXPECT_EQ(status_of(answer), 400) << list << wrong;
      EXPECT_EQ(field_of(answer, "Cache-Control"), "no-store");
    }
  }
  EXPECT_EQ(status_of(get("v0/index.m3u8?start=x")), 200) << "of lists without a past it is nothing";
}

TEST_F(DvrDeliveryTest, AnswersHeadConditionsAndRanges) {
  publish();
  record();
  const std::string segment = "v0/" + first_segment(body_of(get("v0/dvr.m3u8")));
  const std::string whole = get(segment);
  const std::string etag(field_of(whole, "ETag"));
  const std::string head = request("HEAD", "/live/s1/" + segment);
  EXPECT_EQ(status_of(head), 200);
  EXPECT_EQ(field_of(head, "Content-Length"), field_of(whole, "Content-Length"));
  const std::string known = get(segment, "If-None-Match: " + etag + "\r\n");
  EXPECT_EQ(status_of(known), 304);
  EXPECT_EQ(field_of(known, "ETag"), etag);
  EXPECT_EQ(status_of(get(segment, "If-None-Match: \"other\"\r\n")), 200);
  const std::string last = get(segment, "Range: bytes=-5\r\n");
  EXPECT_EQ(status_of(last), 206);
  EXPECT_TRUE(body_of(whole).ends_with(body_of(last)));
  EXPECT_EQ(body_of(last).size(), 5U);
}

// Deleted is deleted, also while packaging still has the file open.
TEST_F(DvrDeliveryTest, HasNothingOfAFileThatWasDeleted) {
  publish();
  record();
  const std::string segment = "v0/" + first_segment(body_of(get("v0/dvr.m3u8")));
  views_.withdraw("s1", this);
  EXPECT_EQ(status_of(get(segment)), 200);
  std::filesystem::remove(directory_.path() + "/s1-2026-11-20T21-49-15.123Z.part.mp4");
  std::this_thread::sleep_for(std::chrono::microseconds(DvrArchive::kFreshUs));
  EXPECT_EQ(status_of(get(segment)), 404);
  EXPECT_EQ(status_of(get("v0/dvr.m3u8")), 404);
}

TEST_F(DvrDeliveryTest, SaysWhyThereIsNoPast) {
  const std::string unknown = get("dvr.m3u8");
  EXPECT_EQ(status_of(unknown), 404);
  EXPECT_NE(unknown.find("neither live nor recorded"), std::string::npos) << unknown;
  EXPECT_EQ(archive_->remembered("s1"), nullptr) << "what is not there takes no memory";
  EXPECT_EQ(field_of(unknown, "Cache-Control"), "public, max-age=1");
  publish();
  EXPECT_EQ(status_of(get("dvr.m3u8")), 200) << "also what is not recorded yet has its live part";
  EXPECT_NE(archive_->remembered("s1"), nullptr);
  views_.withdraw("s1", this);
  let_it_age();
  EXPECT_EQ(status_of(get("dvr.m3u8")), 404);
  EXPECT_EQ(archive_->remembered("s1"), nullptr);
}

TEST_F(DvrDeliveryTest, APrivateStreamsPastTakesItsToken) {
  publish(true);
  record();
  EXPECT_EQ(status_of(get("dvr.m3u8")), 401);
  EXPECT_EQ(field_of(get("dvr.m3u8"), "Cache-Control"), "no-store");
  EXPECT_EQ(status_of(get("dvr.m3u8?token=x")), 401);
  const std::string query = "?token=" + token();
  const std::string all = get("dvr.m3u8" + query);
  EXPECT_EQ(status_of(all), 200) << all;
  EXPECT_EQ(field_of(all, "Cache-Control"), "private, no-store");
  EXPECT_NE(body_of(all).find("\nv0/dvr.m3u8" + query + "\n"), std::string::npos) << all;
  const std::string list = get("v0/dvr.m3u8" + query);
  const std::string segment = "v0/" + first_segment(body_of(list));
  for (const bool live : {true, false}) {
    EXPECT_EQ(status_of(get(segment)), 401) << live;
    const std::string answer = get(segment + query);
    EXPECT_EQ(status_of(answer), 200) << live;
    EXPECT_EQ(field_of(answer, "Cache-Control"), "private, no-store");
    views_.withdraw("s1", this);
  }
  EXPECT_EQ(field_of(get("v9/dvr.m3u8" + query), "Cache-Control"), "private, no-store");
  gate_.revocations.set_barred("s1", true);
  EXPECT_EQ(status_of(get("dvr.m3u8" + query)), 404);
  EXPECT_EQ(status_of(get(segment + query)), 404);
}

TEST_F(DvrDeliveryTest, APublicStreamShowsNothingOfWhatWasPrivate) {
  publish(true);
  record();
  const std::string query = "?token=" + token();
  const std::string segment = "v0/" + first_segment(body_of(get("v0/dvr.m3u8" + query)));
  publisher_->log().end(media::LogEnd::kUnpublished);
  publish(false, PublicationId{0xA2}, Epoch{2});
  record(PublicationId{0xA2});
  const std::string list = get("v0/dvr.m3u8");
  EXPECT_EQ(status_of(list), 200) << list;
  EXPECT_EQ(list.find("00a1-0.m4s"), std::string::npos) << list;
  EXPECT_NE(list.find("00a2-0.m4s"), std::string::npos) << list;
  for (const std::string& tried : {segment, segment + query}) {
    const int status = status_of(get(tried));
    EXPECT_TRUE(status == 404 || status == 410) << tried << status;
  }
  // It has become private: all of it takes a token.
  gate_.revocations.set_private("s1", true);
  EXPECT_EQ(status_of(get("v0/dvr.m3u8")), 401);
  EXPECT_EQ(status_of(get("v0/dvr.m3u8" + query)), 200);
}

}  // namespace
}  // namespace millrace::packaging
