// What is answered to who asks for FLV.
#include "flv_fixture.hpp"

namespace millrace::packaging {
namespace {

class FlvDeliveryTest : public FlvFeedTest {
 protected:
  FlvDeliveryTest() : flv_(dependencies(), gate_) {
    gate_.revocations.set_complete();
    server_ = http::Server::start({}, [this](http::Request&& request, const http::Responder& respond) {
                auto answer = flv_.answer(request, now_us_, wall_now());
                respond(answer ? std::move(*answer) : http::Response::problem(404, "other"));
              }).value();
  }
  ~FlvDeliveryTest() override { server_.reset(); }

  static playback::TokenKeys keys() {
    return playback::TokenKeys::create(Secret("0123456789abcdef0123456789abcdef")).value();
  }
  static std::string token(std::string stream_id, std::int64_t seconds,
                           std::optional<playback::Viewer> viewer = std::nullopt) {
    return keys().sign({.stream_id = std::move(stream_id),
                        .expires_s = static_cast<std::uint32_t>(wall_now().seconds() + seconds),
                        .network = {},
                        .viewer = viewer});
  }

  PlaybackGate gate_{keys()};
  FlvDelivery flv_;
  std::unique_ptr<http::Server> server_;
};

TEST_F(FlvDeliveryTest, AnswersByHttpAndByWebSocket) {
  FlvPublisher publisher(*arena_, 1, 1);
  publisher.frames(0, 20);
  std::vector<FlvTag> expected = configurations(0);
  add_frames(expected, 0, 20);
  for (const std::string path : {"/live/s1.flv", "/live/s1/live.flv?a=b"}) {
    for (const bool websocket : {false, true}) {
      http::testing::TestClient client(server_->port());
      client.send("GET " + path + " HTTP/1.1\r\nHost: x\r\n" +
                  (websocket ? "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                               "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
                             : "\r\n"));
      std::string answer = client.read_answer(true);
      EXPECT_EQ(http::testing::status_of(answer), websocket ? 101 : 200);
      EXPECT_EQ(http::testing::field_of(answer, "Access-Control-Allow-Origin"), "*");
      EXPECT_EQ(http::testing::field_of(answer, "Cache-Control"), "no-store");
      while (server_->statistics().sent_bytes < 100) std::this_thread::yield();
    }
  }
  http::testing::TestClient head(server_->port());
  head.send("HEAD /live/s1.flv HTTP/1.1\r\nHost: x\r\n\r\n");
  const std::string answer = head.read_answer(true);
  EXPECT_EQ(http::testing::status_of(answer), 200);
  EXPECT_EQ(http::testing::field_of(answer, "Content-Type"), "video/x-flv");
  http::testing::TestClient whole(server_->port());
  whole.send("GET /live/s1.flv HTTP/1.0\r\nHost: x\r\n\r\n");
  while (server_->statistics().requests < 6) std::this_thread::yield();
  std::this_thread::sleep_for(std::chrono::milliseconds(200));
  server_->drain(std::chrono::milliseconds(1000));
  EXPECT_EQ(parse_flv(as_bytes(http::testing::body_of(whole.read_all()))), expected);
}

TEST_F(FlvDeliveryTest, ShowsAPrivateStreamToThoseWithATokenForIt) {
  FlvPublisher publisher(*arena_, 1, 1, 4U << 20, true);
  publisher.frames(0, 20);
  gate_.revocations.revoke({7, 1}, WallTime::from_seconds(INT32_MAX));
  const struct {
    std::string query;
    int status;
  } table[] = {{"", 401},
               {"?token=x", 401},
               {"?token=" + token("s1", -1), 401},
               {"?token=" + token("s2", 60), 403},
               {"?token=" + token("s1", 60, playback::Viewer{7, 1}), 403},
               {"?token=" + token("s1", 60), 200},
               {"?token=" + token("s1", 60, playback::Viewer{7, 2}), 200}};
  for (const auto& row : table) {
    for (const std::string& path : {"/live/s1.flv" + row.query, "/live/s1/live.flv" + row.query}) {
      http::testing::TestClient head(server_->port());
      head.send("HEAD " + path + " HTTP/1.1\r\nHost: x\r\n\r\n");
      EXPECT_EQ(http::testing::status_of(head.read_answer(true)), row.status) << path;
      http::testing::TestClient client(server_->port());
      client.send(
          "GET " + path +
          " HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: "
          "13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n");
      EXPECT_EQ(http::testing::status_of(client.read_answer(row.status == 200)),
                row.status == 200 ? 101 : row.status);
    }
  }
}

TEST_F(FlvDeliveryTest, ShowsNothingBeforeItIsKnownWhoMayWatchNorOfABarredStream) {
  FlvPublisher publisher(*arena_, 1, 1);
  publisher.frames(0, 20);
  http::Request request;
  request.path = "/live/s1.flv";
  PlaybackGate gate{keys()};
  FlvDelivery flv(dependencies(), gate);
  for (const std::string& query : {std::string(), token("s1", 60)}) {
    request.query = {{"token", query}};
    const std::optional<http::Response> unknown = flv.answer(request, now_us_, wall_now());
    EXPECT_EQ(unknown->status, 503);
    EXPECT_EQ(unknown->headers.find("Retry-After"), "1");
  }
  gate.revocations.set_barred("s1", true);
  gate.revocations.set_complete();
  EXPECT_EQ(flv.answer(request, now_us_, wall_now())->status, 404) << "with a good token";
  gate.revocations.set_barred("s1", false);
  EXPECT_EQ(flv.answer(request, now_us_, wall_now())->status, 200);
}

TEST_F(FlvDeliveryTest, HasNothingOfAStreamThatWasClosed) {
  http::Request request;
  request.path = "/live/s1.flv";
  FlvPublisher publisher(*arena_, 1, 1);
  publisher.frames(0, 20);
  publisher.end(media::LogEnd::kRevoked);
  EXPECT_EQ(flv_.answer(request, now_us_, wall_now())->status, 404);
  FlvPublisher again(*arena_, 2, 2);
  EXPECT_EQ(flv_.answer(request, now_us_, wall_now())->status, 200);
}

// The log says nothing of it: it was public when its publication began.
TEST_F(FlvDeliveryTest, EndsForWhoHasNoTokenWhenTheStreamBecomesPrivate) {
  FlvPublisher publisher(*arena_, 1, 1);
  publisher.frames(0, 20);
  const auto answer = [&](const std::string& given) {
    http::Request request;
    request.path = "/live/s1.flv";
    if (!given.empty()) request.query = {{"token", given}};
    return flv_.answer(request, now_us_, wall_now())->live;
  };
  const auto with = answer(token("s1", 60)), without = answer({});
  const auto progress_of = [&](http::LiveStream& viewer) {
    FakeSocket socket;
    Progress progress = Progress::kMore;
    while (progress == Progress::kMore) progress = viewer.pump(socket, now_us_);
    return progress;
  };
  EXPECT_EQ(progress_of(*with), Progress::kIdle);
  EXPECT_EQ(progress_of(*without), Progress::kIdle);
  gate_.revocations.set_private("s1", true);
  now_us_ += kSecond;
  EXPECT_EQ(progress_of(*with), Progress::kIdle);
  EXPECT_EQ(progress_of(*without), Progress::kEnded);
}

TEST_F(FlvDeliveryTest, KnowsWhatIsNotThere) {
  for (const char* path : {"/live/other.flv", "/live/s1.flv", "/live/other/live.flv"}) {
    http::testing::TestClient client(server_->port());
    client.send(std::string("GET ") + path + " HTTP/1.1\r\nHost: x\r\n\r\n");
    const std::string answer = client.read_answer();
    EXPECT_EQ(http::testing::status_of(answer), 404) << path;
    EXPECT_NE(answer.find("packaging.not_found"), std::string::npos);
  }
  for (const char* path : {"/live/s1", "/live/.flv", "/live/a b.flv", "/s1.flv", "/live/s1/x.flv"}) {
    http::Request request;
    request.path = path;
    EXPECT_FALSE(flv_.answer(request, 0, {})) << path;
  }
}

}  // namespace
}  // namespace millrace::packaging
