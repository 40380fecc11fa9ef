#include "patient_delivery.hpp"

#include <gtest/gtest.h>
#include <prometheus/collectable.h>
#include <prometheus/metric_family.h>

#include <atomic>
#include <thread>

#include "base/clock.hpp"
#include "containers/mp4/box_reader.hpp"
#include "http/content_coding.hpp"
#include "http/server.hpp"
#include "http/test_client.hpp"
#include "stream_package.hpp"
#include "test_publisher.hpp"

namespace millrace::packaging {
namespace {

using http::testing::body_of;
using http::testing::field_of;
using http::testing::status_of;
using http::testing::TestClient;

constexpr std::int64_t kSecond = 1'000'000;

playback::TokenKeys keys() {
  return playback::TokenKeys::create(Secret("0123456789abcdef0123456789abcdef")).value();
}

// A stream with parts of two pictures, three of them a segment, that is delivered over real connections.
class PatientDeliveryTest : public ::testing::Test {
 protected:
  void SetUp() override {
    gate_.revocations.set_complete();
    arena_ = make_arena(directory_.path());
    reader_ = media::ArenaReader::open(directory_.path(), "ingest", "test").value();
    publish_stream({.part_us = 80'000});
    server_ =
        http::Server::start({}, [this](http::Request&& request, const http::Responder& responder) {
          const std::int64_t now_us = now_us_;
          patient_.serve(std::move(request), responder, now_us != 0 ? now_us : monotonic_us(), wall_now());
        }).value();
  }

  // The list then ends with the third part of the last whole segment, or with so many more frames.
  void publish_stream(TestPublisher::Options options, int frames = 1) {
    options.epoch = Epoch{++epoch_};
    options.publication_id = PublicationId{0xA0 + epoch_};
    publisher_ = std::make_unique<TestPublisher>(*arena_, options);
    publisher_->groups(40);
    for (int i = 0; i < frames; ++i) publisher_->frame(0);
    renew();
  }
  // As the stream's actor does.
  void renew(std::int64_t now_us = 0) {
    if (!package_.update({sources(reader_)}, now_us).changed) return;
    views_.publish(package_.view(), this);
    room_.wake("s1");
  }
  // A frame ends a part at the second one of a segment, the fourth, and the next one's first.
  void frames(int count) {
    for (int i = 0; i < count; ++i) publisher_->frame(0);
    renew();
  }
  std::uint64_t last() const { return package_.view()->offered.back()->segment().media_sequence; }
  std::string list(std::int64_t segment, int part = -1, const std::string& more = "") const {
    std::string query = "?_HLS_msn=" + std::to_string(last() + static_cast<std::uint64_t>(segment));
    if (part >= 0) query += "&_HLS_part=" + std::to_string(part);
    return "/live/s1/v0/index.m3u8" + query + more;
  }
  std::string hint(const char* rendition = "v0") const {
    return std::string("/live/s1/") + rendition + '/' +
           to_string(*package_.view()->rendition(rendition)->next_part);
  }

  std::unique_ptr<TestClient> ask(const std::string& target, const std::string& method = "GET",
                                  const std::string& fields = "") {
    auto client = std::make_unique<TestClient>(server_->port());
    client->send(method + ' ' + target + " HTTP/1.1\r\nHost: x\r\nUser-Agent: test\r\n" + fields + "\r\n");
    return client;
  }
  std::string get(const std::string& target) { return ask(target)->read_answer(); }
  std::unique_ptr<TestClient> ask_and_wait(const std::string& target, const std::string& method = "GET",
                                           const std::string& fields = "") {
    const std::size_t before = room_.waiting();
    auto client = ask(target, method, fields);
    while (room_.waiting() == before) std::this_thread::yield();
    return client;
  }

  // How often the histogram has observed something.
  std::uint64_t observed(const std::string& histogram) const {
    for (const auto& family : metrics_.collectable()->Collect()) {
      if (family.name == histogram) return family.metric.front().histogram.sample_count;
    }
    return 0;
  }

  ScratchDirectory directory_;
  std::unique_ptr<media::ArenaWriter> arena_;
  std::shared_ptr<media::ArenaReader> reader_;
  std::unique_ptr<TestPublisher> publisher_;
  std::uint64_t epoch_ = 0;
  std::atomic<std::int64_t> now_us_ = 0;  // when requests come; 0: now
  StreamPackage package_{"s1", WindowPolicy{.segments = 4, .reconnect_grace_us = 60 * kSecond}};
  ViewTable views_;
  ViewerCounter viewers_;
  Metrics metrics_;
  PlaybackGate gate_{keys()};
  Delivery delivery_{views_, gate_, viewers_, metrics_};
  http::WaitingRoom room_{{.total = 8, .per_address = 4}};
  PatientDelivery patient_{delivery_, room_, metrics_};
  std::unique_ptr<http::Server> server_;
};

TEST_F(PatientDeliveryTest, AnswersAListWhenThePartIsInIt) {
  const auto first = ask_and_wait(list(1, 0));
  const auto head = ask_and_wait(list(1, 0), "HEAD");
  const auto delta = ask_and_wait(list(1, 0, "&_HLS_skip=YES"));
  const auto second = ask_and_wait(list(1, 1));
  const std::string part = "p" + std::to_string(package_.view()->rendition("v0")->next_part->number) + "-";
  EXPECT_EQ(body_of(get("/live/s1/v0/index.m3u8")).find("#EXT-X-PART:DURATION=0.080,URI=\"" + part),
            std::string::npos);
  frames(2);
  EXPECT_EQ(room_.waiting(), 1U);
  const std::string answer = first->read_answer();
  EXPECT_EQ(status_of(answer), 200);
  EXPECT_NE(body_of(answer).find("#EXT-X-PART:DURATION=0.080,URI=\"" + part), std::string::npos);
  EXPECT_EQ(field_of(answer, "Cache-Control"), "public, max-age=6");
  EXPECT_EQ(field_of(answer, "Content-Type"), "application/vnd.apple.mpegurl");
  EXPECT_EQ(field_of(answer, "Access-Control-Allow-Origin"), "*");
  EXPECT_EQ(status_of(head->read_answer(true)), 200);
  EXPECT_EQ(status_of(delta->read_answer()), 200);
  frames(2);
  EXPECT_EQ(status_of(second->read_answer()), 200);
  EXPECT_EQ(room_.waiting(), 0U);
}

TEST_F(PatientDeliveryTest, CompressesAListForThoseWhoTakeIt) {
  const std::string fields = "Accept-Encoding: gzip, br\r\n";
  const auto compressed = ask_and_wait(list(1, 0), "GET", fields);
  const auto plain = ask_and_wait(list(1, 0));
  frames(2);
  const std::string small = compressed->read_answer();
  const std::string large = plain->read_answer();
  EXPECT_EQ(field_of(small, "Content-Encoding"), "gzip");
  EXPECT_EQ(field_of(small, "Vary"), "Accept-Encoding");
  EXPECT_EQ(body_of(small), http::gzip(body_of(large)));
  EXPECT_EQ(field_of(large, "Content-Encoding"), "");
  for (const char* const path : {"/live/s1/index.m3u8", "/live/s1/v0/index.m3u8"}) {
    const std::string answer = ask(path, "GET", fields)->read_answer();
    const std::string uncoded = get(path);
    const std::string gzip = http::gzip(body_of(uncoded));
    EXPECT_EQ(body_of(answer), gzip.size() < body_of(uncoded).size() ? gzip : body_of(uncoded)) << path;
  }
}

TEST_F(PatientDeliveryTest, AnswersAListWhenTheSegmentIsInIt) {
  const std::uint64_t next = last() + 1;
  const auto segment = ask_and_wait(list(1));
  const auto past_its_end = ask_and_wait(list(1, 3));  // part 0 of the next
  const auto plain = ask_and_wait(list(1, 0, "&ll=0"));
  frames(4);
  EXPECT_EQ(room_.waiting(), 3U);
  frames(1);
  for (const auto* const client : {&segment, &plain}) {
    const std::string answer = (*client)->read_answer();
    EXPECT_NE(body_of(answer).find(",\n" + std::to_string(next) + '-'), std::string::npos) << answer;
  }
  EXPECT_EQ(room_.waiting(), 1U);
  frames(2);
  EXPECT_NE(body_of(past_its_end->read_answer()).find(",\n" + std::to_string(next) + '-'), std::string::npos);
}

// The content of a chunked answer.
std::string unchunked(std::string_view body) {
  std::string content;
  while (true) {
    const std::size_t line = body.find("\r\n");
    const std::size_t size = std::stoul(std::string(body.substr(0, line)), nullptr, 16);
    if (size == 0) return content;
    content += body.substr(line + 2, size);
    body.remove_prefix(line + 2 + size + 2);
  }
}

TEST_F(PatientDeliveryTest, SendsTheHintedPartWhenItIsWholeAndTheGrowingSegmentAsItGrows) {
  const std::string part_path = hint();
  const std::string sound_path = hint("a0");
  const std::string segment_path =
      "/live/s1/v0/" + to_string(segment_name(package_.view()->growing->segment()));
  const auto part = ask_and_wait(part_path);
  const auto sound = ask_and_wait(sound_path);
  const auto segment = ask(segment_path, "GET", "Connection: close\r\n");
  while (views_.watchers().size() == 0) std::this_thread::yield();
  frames(5);
  EXPECT_EQ(room_.waiting(), 0U);
  const std::string growing = segment->read_all();
  EXPECT_EQ(field_of(growing, "Transfer-Encoding"), "chunked");
  EXPECT_EQ(field_of(growing, "Cache-Control"), "public, max-age=31536000, immutable");
  const std::string whole = unchunked(body_of(growing));
  const std::string piece = part->read_answer();
  EXPECT_EQ(status_of(piece), 200);
  EXPECT_EQ(field_of(piece, "Content-Type"), "video/mp4");
  EXPECT_EQ(field_of(piece, "Cache-Control"), "public, max-age=31536000, immutable");
  EXPECT_FALSE(field_of(piece, "ETag").empty());
  EXPECT_TRUE(whole.starts_with(body_of(piece)));
  EXPECT_EQ(status_of(sound->read_answer()), 200);
  EXPECT_EQ(body_of(get(segment_path)), whole);
  EXPECT_EQ(body_of(get(part_path)), body_of(piece));
  EXPECT_EQ(observed("millrace_packaging_part_answer_delay_seconds"), 2U) << "of those who waited alone";
}

// Players of DASH ask by the clock.
TEST_F(PatientDeliveryTest, LetsWaitForTheSegmentAfterTheGrowingOneAndForNoFurther) {
  now_us_ = 1;  // as the publisher begins: nothing is due
  SegmentName name = segment_name(package_.view()->growing->segment());
  name.media_sequence += 2;
  EXPECT_EQ(status_of(get("/live/s1/v0/" + to_string(name))), 404);
  name.media_sequence -= 1;
  const auto next = ask_and_wait("/live/s1/v0/" + to_string(name), "GET", "Connection: close\r\n");
  frames(10);
  EXPECT_EQ(status_of(next->read_all()), 200);
}

// A publisher that is connected and late: what the clock promises comes, players who ask for it wait.
TEST_F(PatientDeliveryTest, RefusesNobodyWhoAsksForWhatIsDue) {
  const SegmentName newest = segment_name(package_.view()->growing->segment());
  const auto later = [&](std::uint64_t count) {
    SegmentName name = newest;
    name.media_sequence += count;
    return "/live/s1/v0/" + to_string(name);
  };
  // Before a segment's length before its beginning.
  const auto set_clock = [&](std::uint64_t count, std::int64_t us) {
    const DashPresentation::Grid grid = package_.view()->manifests.grid.value();
    const auto number = static_cast<std::int64_t>(newest.media_sequence + count - grid.first_segment);
    now_us_ = grid.start.us() + (number - 1) * grid.length_ns / 1000 - us - package_.view()->clock_offset_us;
  };
  set_clock(3, 1000);
  EXPECT_EQ(status_of(get(later(3))), 404) << "it is not due";
  set_clock(3, -1000);
  EXPECT_EQ(status_of(get(later(4))), 404);
  const auto waiting = ask_and_wait(later(3), "GET", "Connection: close\r\n");
  for (int i = 0; i < 2; ++i) frames(5);
  EXPECT_EQ(room_.waiting(), 1U);
  for (int i = 0; i < 2; ++i) frames(5);
  EXPECT_EQ(status_of(waiting->read_all()), 200);
  set_clock(9, -1000);
  const auto never = ask_and_wait(later(9));
  room_.sweep(monotonic_us() + 10 * kSecond);
  EXPECT_EQ(status_of(never->read_answer()), 503) << "no longer than anybody waits";
}

// They hear of the publication's end with the next MPD, and of what follows with a later one.
TEST_F(PatientDeliveryTest, RefusesNobodyWhoAsksByTheClockBehindTheEndOfAPublication) {
  SegmentName name = segment_name(package_.view()->growing->segment());
  publisher_->log().end(media::LogEnd::kUnpublished);
  renew();
  name.media_sequence += 1;
  const auto next = ask_and_wait("/live/s1/v0/" + to_string(name));
  name.media_sequence += 1;
  const auto later = ask_and_wait("/live/s1/v0/" + to_string(name));
  renew(59 * kSecond);
  EXPECT_EQ(room_.waiting(), 2U) << "the publisher may come back";
  room_.sweep(monotonic_us() + 10 * kSecond);
  for (const auto* const client : {&next, &later}) {
    const std::string answer = (*client)->read_answer();
    EXPECT_EQ(status_of(answer), 503);
    EXPECT_EQ(field_of(answer, "Cache-Control"), "no-store");
  }
  name.media_sequence += 2000;
  EXPECT_EQ(status_of(get("/live/s1/v0/" + to_string(name))), 404);
}

// The MPD says where it ends from now on; who is refused meanwhile gives up (dash.js).
TEST_F(PatientDeliveryTest, GivesNothingToWhoAsksByTheClockBehindTheEndOfTheStream) {
  SegmentName name = segment_name(package_.view()->growing->segment());
  publisher_->log().end(media::LogEnd::kUnpublished);
  renew();
  name.media_sequence += 1;
  const std::string path = "/live/s1/v0/" + to_string(name);
  const auto next = ask_and_wait(path);
  renew(61 * kSecond);
  for (const std::string& answer : {next->read_answer(), get(path)}) {
    EXPECT_EQ(status_of(answer), 200);
    EXPECT_EQ(field_of(answer, "Cache-Control"), "public, max-age=1");
    const ByteView fragment = as_bytes(body_of(answer));
    EXPECT_TRUE(mp4::find_box(fragment, {"moof", "traf", "tfdt"}));
    EXPECT_FALSE(mp4::find_box(fragment, {"moof", "traf", "trun"})) << "without samples";
  }
  renew(90 * kSecond);
  EXPECT_EQ(status_of(get(path)), 404) << "by now it is static";
  EXPECT_EQ(room_.waiting(), 0U);
}

// Nobody may come back: there is nothing to wait for.
TEST_F(PatientDeliveryTest, AnswersEverybodyAtOnceWhenTheStreamIsClosed) {
  const auto waiting = ask_and_wait(list(2, 3));
  const auto part = ask_and_wait(hint());
  SegmentName name = segment_name(package_.view()->growing->segment());
  const auto growing = ask("/live/s1/v0/" + to_string(name), "GET", "Connection: close\r\n");
  name.media_sequence += 1;
  const auto next = ask_and_wait("/live/s1/v0/" + to_string(name));
  publisher_->log().end(media::LogEnd::kRevoked);
  renew(kSecond);
  EXPECT_EQ(room_.waiting(), 0U);
  const std::string answer = waiting->read_answer();
  EXPECT_EQ(status_of(answer), 200);
  EXPECT_TRUE(body_of(answer).ends_with("#EXT-X-ENDLIST\n"));
  EXPECT_EQ(status_of(part->read_answer()), 200) << "the end closes it";
  EXPECT_TRUE(growing->read_all().ends_with("\r\n0\r\n\r\n")) << "whole";
  EXPECT_EQ(status_of(next->read_answer()), 200) << "with nothing in it";
  publish_stream({.part_us = 80'000});
  EXPECT_EQ(body_of(get("/live/s1/v0/index.m3u8")).find("#EXT-X-ENDLIST"), std::string::npos)
      << "it was published again";
}

// Its publisher comes back with the new key or under the new visibility.
TEST_F(PatientDeliveryTest, WaitsForWhoMayComeBackUnderANewRule) {
  publisher_->log().end(media::LogEnd::kUnpublished);
  renew(kSecond);
  EXPECT_EQ(body_of(get("/live/s1/v0/index.m3u8")).find("#EXT-X-ENDLIST"), std::string::npos);
  renew(61 * kSecond);
  EXPECT_NE(body_of(get("/live/s1/v0/index.m3u8")).find("#EXT-X-ENDLIST"), std::string::npos);
}

TEST_F(PatientDeliveryTest, RefusesDirectivesThatAreNone) {
  for (const std::string& query :
       {std::string("_HLS_part=0"), std::string("_HLS_msn=x"), std::string("_HLS_msn="),
        std::string("_HLS_msn=-1"), std::string("_HLS_msn=1&_HLS_msn=1"), std::string("_HLS_skip=no"),
        "_HLS_msn=" + std::to_string(last() + 3), "_HLS_msn=" + std::to_string(last() + 1) + "&_HLS_part=38",
        std::string("_HLS_msn=18446744073709551615"), std::string("_HLS_msn=18446744073709551616"),
        "_HLS_msn=" + std::to_string(last()) + "&_HLS_part=x"}) {
    const std::string answer = get("/live/s1/v0/index.m3u8?" + query);
    EXPECT_EQ(status_of(answer), 400) << query;
    EXPECT_EQ(field_of(answer, "Cache-Control"), "no-store");
    EXPECT_EQ(status_of(get("/live/s1/index.m3u8?" + query)), 200) << "they are of media playlists";
  }
  for (const std::string& query :
       {std::string("_HLS_msn=0"), "_HLS_msn=" + std::to_string(last()) + "&_HLS_part=2",
        std::string("_HLS_skip=v2"), std::string("_HLS_push=1")})
    EXPECT_EQ(status_of(get("/live/s1/v0/index.m3u8?" + query)), 200) << query;
}

TEST_F(PatientDeliveryTest, AnswersEverybodyWhenTheStreamEnds) {
  const auto waiting = ask_and_wait(list(2, 3));
  const auto part = ask_and_wait(hint());
  publisher_->log().end(media::LogEnd::kUnpublished);
  renew();
  EXPECT_EQ(room_.waiting(), 1U) << "the part has come, a list may: the publisher may come back";
  EXPECT_EQ(status_of(part->read_answer()), 200);
  renew(61 * kSecond);
  const std::string answer = waiting->read_answer();
  EXPECT_EQ(status_of(answer), 200);
  EXPECT_TRUE(body_of(answer).ends_with("#EXT-X-ENDLIST\n"));
  EXPECT_EQ(field_of(answer, "Cache-Control"), "public, max-age=1") << "it may go on";
  EXPECT_EQ(status_of(get(list(100, 7, "&_HLS_skip=x"))), 200) << "directives count for nothing";
}

TEST_F(PatientDeliveryTest, AnswersEverybodyWhenTheStreamHasGone) {
  const auto waiting = ask_and_wait(list(1, 0));
  const auto part = ask_and_wait(hint());
  views_.withdraw("s1", this);
  room_.wake("s1");
  EXPECT_EQ(status_of(waiting->read_answer()), 404);
  EXPECT_EQ(status_of(part->read_answer()), 404);
}

TEST_F(PatientDeliveryTest, JudgesTheTokenAgainWhenItAnswers) {
  gate_.revocations.set_private("s1", true);
  const auto expires = static_cast<std::uint32_t>(wall_now().seconds() + 1000);
  const auto token = [&](std::uint32_t viewer) {
    return "&token=" + keys().sign({.stream_id = "s1",
                                    .expires_s = expires,
                                    .network = {},
                                    .viewer = playback::Viewer{viewer, 3}});
  };
  EXPECT_EQ(status_of(get(list(1, 0))), 401);
  const auto good = ask_and_wait(list(1, 0, token(1)));
  const auto taken_back = ask_and_wait(list(1, 0, token(2)));
  const auto part = ask_and_wait(hint() + "?" + token(2).substr(1));
  gate_.revocations.revoke({2, 0}, WallTime::from_seconds(expires + 1000));
  frames(2);
  const std::string answer = good->read_answer();
  EXPECT_EQ(status_of(answer), 200);
  EXPECT_EQ(field_of(answer, "Cache-Control"), "private, no-store");
  EXPECT_NE(body_of(answer).find(".m4s" + token(1).replace(0, 1, "?")), std::string::npos);
  EXPECT_EQ(status_of(taken_back->read_answer()), 403);
  EXPECT_EQ(status_of(part->read_answer()), 403);
}

// While the stream is public tokens count for nothing; one answer with somebody's token is for nobody else.
TEST_F(PatientDeliveryTest, GivesNobodyTheTokenOfAnother) {
  const auto expires = static_cast<std::uint32_t>(wall_now().seconds() + 1000);
  const std::string token =
      "&token=" + keys().sign({.stream_id = "s1", .expires_s = expires, .network = {}, .viewer = {}});
  const auto owner = ask_and_wait(list(1, 0, token));
  const auto stranger = ask_and_wait(list(1, 0));
  gate_.revocations.set_private("s1", true);
  frames(2);
  EXPECT_EQ(status_of(owner->read_answer()), 200);
  EXPECT_EQ(status_of(stranger->read_answer()), 401);
}

TEST_F(PatientDeliveryTest, AWholeGrowingSegmentIsWhatARangeIsOf) {
  frames(2);
  const std::string growing = "/live/s1/v0/" + to_string(segment_name(package_.view()->growing->segment()));
  const auto client = ask_and_wait(growing, "GET", "Range: bytes=0-9\r\n");
  frames(8);
  const std::string answer = client->read_answer();
  EXPECT_EQ(status_of(answer), 206);
  EXPECT_EQ(body_of(answer).size(), 10U);
}

TEST_F(PatientDeliveryTest, LetsNobodyWaitForMoreThanThreeTargetDurations) {
  const std::int64_t asked_us = monotonic_us();
  const auto waiting = ask_and_wait(list(1, 0));
  const auto part = ask_and_wait(hint());
  room_.sweep(asked_us + 3 * kSecond);
  EXPECT_EQ(room_.waiting(), 2U);
  room_.sweep(monotonic_us() + 3 * kSecond + 1);
  for (const auto* const client : {&waiting, &part}) {
    const std::string answer = (*client)->read_answer();
    EXPECT_EQ(status_of(answer), 503);
    EXPECT_EQ(field_of(answer, "Cache-Control"), "no-store");
    EXPECT_EQ(field_of(answer, "Retry-After"), "1");
    EXPECT_EQ(field_of(answer, "Access-Control-Allow-Origin"), "*");
  }
}

TEST_F(PatientDeliveryTest, LetsNoMoreWaitThanThereIsRoomFor) {
  std::vector<std::unique_ptr<TestClient>> clients;
  for (int i = 0; i < 4; ++i) clients.push_back(ask_and_wait(list(1, 0)));
  const std::string answer = get(list(1, 0));
  EXPECT_EQ(status_of(answer), 503);
  EXPECT_EQ(field_of(answer, "Retry-After"), "1");
  EXPECT_EQ(status_of(get("/live/s1/v0/index.m3u8")), 200) << "what need not wait is answered";
  frames(2);
  for (const auto& client : clients) EXPECT_EQ(status_of(client->read_answer()), 200);
}

TEST_F(PatientDeliveryTest, CountsAViewerOnceHoweverMuchItWaitsFor) {
  std::vector<std::unique_ptr<TestClient>> clients;
  get("/live/s1/index.m3u8");
  clients.push_back(ask_and_wait(list(1, 0)));
  clients.push_back(ask_and_wait(list(1, 1)));
  clients.push_back(ask_and_wait(hint()));
  clients.push_back(ask_and_wait(hint("a0")));
  frames(4);
  for (const auto& client : clients) EXPECT_EQ(status_of(client->read_answer()), 200);
  const auto told = viewers_.collect(monotonic_us());
  ASSERT_EQ(told.size(), 1U);
  EXPECT_EQ(told[0].viewers, 1U);
  EXPECT_EQ(told[0].began, 1U);
}

TEST_F(PatientDeliveryTest, BlocksUntilASegmentComesWhereThereAreNoParts) {
  publisher_->log().end(media::LogEnd::kTakenOver);
  arena_ = nullptr;  // another machine's stream, so to say: nothing goes on
  std::filesystem::remove_all(directory_.path());
  arena_ = make_arena(directory_.path());
  reader_ = media::ArenaReader::open(directory_.path(), "ingest", "test").value();
  publish_stream({});
  ASSERT_EQ(body_of(get("/live/s1/v0/index.m3u8")).find("SERVER-CONTROL"), std::string::npos);
  const auto waiting = ask_and_wait(list(1));
  const auto part = ask_and_wait(list(1, 0));
  const auto segment =
      ask_and_wait("/live/s1/a0/" + to_string(segment_name(package_.view()->growing->segment())));
  frames(5);
  for (const auto* const client : {&waiting, &part, &segment})
    EXPECT_EQ(status_of((*client)->read_answer()), 200);
}

}  // namespace
}  // namespace millrace::packaging
