#include "flv_feed.hpp"

#include <gtest/gtest.h>

#include <cerrno>
#include <thread>

#include "base/clock.hpp"
#include "flv_delivery.hpp"
#include "http/server.hpp"
#include "http/test_client.hpp"
#include "rtmp/media_message.hpp"
#include "test_publisher.hpp"

namespace millrace::packaging {
namespace {

using Progress = http::LiveStream::Progress;
using rtmp::MessageType;

constexpr std::int64_t kSecond = 1'000'000;

// A log with messages as ingest writes them.
class FlvPublisher {
 public:
  FlvPublisher(media::ArenaWriter& arena, std::uint64_t publication_id, std::uint64_t epoch,
               std::uint64_t max_bytes = 4U << 20, bool is_private = false) {
    media::LogDescription description;
    description.stream_id = "s1";
    description.publication_id = PublicationId{publication_id};
    description.epoch = Epoch{epoch};
    description.segment_target_ms = 2000;
    description.retention.guaranteed_bytes = 256U << 10;
    description.retention.max_bytes = max_bytes;
    description.is_private = is_private;
    log_ = std::move(arena.create_log(description).value());
    add_configuration(media::kDataTrack, media::TrackKind::kData, MessageType::kData, {}, {2, 0, 1, 'm'});
    add_configuration(media::kVideoTrack, media::TrackKind::kVideo, MessageType::kVideo, {0x17, 0, 0, 0, 0},
                      {1, 2, 3});
    add_configuration(media::kAudioTrack, media::TrackKind::kAudio, MessageType::kAudio, {0xAF, 0},
                      {0x11, 0x90});
  }
  void add_configuration(std::uint8_t track, media::TrackKind kind, MessageType type, const Bytes& tag,
                         const Bytes& bytes, media::Codec codec = media::Codec::kData) {
    media::TrackConfiguration description{};
    description.track = track;
    description.kind = kind;
    description.codec = kind == media::TrackKind::kData ? codec : media::Codec::kH264;
    description.timescale = 90'000;
    const auto header =
        rtmp::media_chunk_header(type, 0, static_cast<std::uint32_t>(tag.size() + bytes.size()), 1);
    Bytes prefix(header.view().begin(), header.view().end());
    prefix.insert(prefix.end(), tag.begin(), tag.end());
    const std::uint32_t index = log_->add_configuration(description, prefix, bytes).value();
    if (codec == media::Codec::kData) configuration_.at(track) = index;
  }
  // The body of a frame that was sent: a tag header and its number.
  static Bytes body(bool video, bool key, std::uint32_t number, std::size_t size) {
    Bytes out = video ? Bytes{static_cast<std::uint8_t>(key ? 0x17 : 0x27), 1, 0, 0, 0} : Bytes{0xAF, 1};
    for (std::size_t i = 0; i < size; ++i) out.push_back(static_cast<std::uint8_t>(number + i));
    return out;
  }
  void frame(bool video, bool key, std::uint32_t number, std::uint32_t timestamp_ms, std::size_t size = 50,
             std::int64_t arrival_us = 0, std::optional<std::uint8_t> track = std::nullopt) {
    const Bytes bytes = body(video, key, number, size);
    const MessageType type = video ? MessageType::kVideo : MessageType::kAudio;
    const auto header =
        rtmp::media_chunk_header(type, timestamp_ms, static_cast<std::uint32_t>(bytes.size()), 1);
    const auto room =
        log_->reserve(static_cast<std::uint32_t>(bytes.size()), static_cast<std::uint32_t>(header.size()))
            .value();
    std::memcpy(room.data, header.data(), header.size());
    std::memcpy(room.data + header.size(), bytes.data(), bytes.size());
    const std::uint32_t tag_size = video ? 5 : 2;
    media::SampleRecord record{};
    record.track = track.value_or(video ? media::kVideoTrack : media::kAudioTrack);
    record.dts = std::int64_t{timestamp_ms} * 90;
    record.wire_timestamp_ms = timestamp_ms;
    record.arrival_us = arrival_us;
    record.flags = key ? media::kSampleKey : 0;
    record.configuration = configuration_[record.track];
    (void)log_->commit(room, static_cast<std::uint32_t>(header.size()) + tag_size,
                       static_cast<std::uint8_t>(header.size() + tag_size), record);
  }
  // Numbers first to first + count: picture and sound by turns, a key frame every ten pictures.
  void frames(std::uint32_t first, std::uint32_t count, std::int64_t arrival_us = 0, std::size_t size = 50) {
    for (std::uint32_t i = first; i < first + count; ++i)
      frame(i % 2 == 0, i % 20 == 0, i, base_ms + i * 20, size, arrival_us);
  }
  void end() { log_->end(media::LogEnd::kDisconnected); }

  std::uint32_t base_ms = 0;

 private:
  std::unique_ptr<media::LogWriter> log_;
  std::array<std::uint32_t, media::kMaxTracks> configuration_{};
};

struct FlvTag {
  std::uint8_t type;
  std::uint32_t timestamp;
  Bytes body;
  bool operator==(const FlvTag&) const = default;
};

// The whole tags of a file; stops at what is not FLV.
std::vector<FlvTag> parse_flv(ByteView bytes) {
  std::vector<FlvTag> tags;
  ByteReader reader(bytes);
  if (as_text(reader.take(3)) != "FLV" || reader.u8() != 1) return tags;
  reader.skip(1);
  if (reader.u32() != 9 || reader.u32() != 0) return tags;
  while (reader.remaining() >= kFlvTagHeader) {
    FlvTag tag{reader.u8(), 0, {}};
    const std::uint32_t size = reader.u24();
    tag.timestamp = reader.u24();
    tag.timestamp |= std::uint32_t{reader.u8()} << 24;
    EXPECT_EQ(reader.u24(), 0U);
    const ByteView body = reader.take(size);
    const std::uint32_t trailer = reader.u32();
    if (!reader.ok()) break;
    EXPECT_EQ(trailer, size + kFlvTagHeader);
    tag.body.assign(body.begin(), body.end());
    tags.push_back(std::move(tag));
  }
  return tags;
}

// A socket that takes so many bytes a call, and in all until it is full.
class FakeSocket final : public http::LiveOutput {
 public:
  ssize_t send(std::span<const iovec> parts) override {
    ++calls;
    std::size_t room = std::min(per_call, in_all - bytes.size());
    if (room == 0) {
      errno = EAGAIN;
      return -1;
    }
    ssize_t sent = 0;
    for (const iovec& part : parts) {
      const std::size_t size = std::min(room, part.iov_len);
      const auto* data = static_cast<const std::uint8_t*>(part.iov_base);
      bytes.insert(bytes.end(), data, data + size);
      room -= size;
      sent += static_cast<ssize_t>(size);
    }
    if (after) after();
    return sent;
  }
  std::size_t per_call = SIZE_MAX;
  std::size_t in_all = SIZE_MAX;
  std::size_t calls = 0;
  Bytes bytes;
  std::function<void()> after;
};

class FlvFeedTest : public ::testing::Test {
 protected:
  FlvFeedTest() : arena_(make_arena(directory_.path())) {
    reader_ = media::ArenaReader::open(directory_.path(), "ingest", "test").value();
  }
  FlvDependencies dependencies() {
    return {.logs = [this](std::string_view stream_id) -> std::shared_ptr<const StreamLogs> {
              return std::make_shared<const StreamLogs>(StreamLogs{sources(reader_, stream_id)});
            },
            .viewers = viewers_,
            .metrics = metrics_,
            .wait_us = 5 * kSecond};
  }
  std::unique_ptr<FlvFeed> feed() {
    return std::make_unique<FlvFeed>(dependencies(), FlvViewer{"s1", "127.0.0.1", "test", {}}, now_us_);
  }
  // Until it has nothing more to do.
  Progress pump(FlvFeed& feed, FakeSocket& socket) {
    Progress progress = Progress::kMore;
    for (int i = 0; i < 1'000'000 && progress == Progress::kMore; ++i) progress = feed.pump(socket, now_us_);
    return progress;
  }
  static std::vector<FlvTag> configurations(std::uint32_t timestamp) {
    return {{18, 0, {2, 0, 1, 'm'}},
            {9, timestamp, {0x17, 0, 0, 0, 0, 1, 2, 3}},
            {8, timestamp, {0xAF, 0, 0x11, 0x90}}};
  }
  static void add_frames(std::vector<FlvTag>& tags, std::uint32_t first, std::uint32_t count,
                         std::uint32_t base_ms = 0, std::size_t size = 50) {
    for (std::uint32_t i = first; i < first + count; ++i) {
      const bool video = i % 2 == 0;
      tags.push_back({static_cast<std::uint8_t>(video ? 9 : 8), base_ms + i * 20,
                      FlvPublisher::body(video, i % 20 == 0, i, size)});
    }
  }

  ScratchDirectory directory_;
  std::unique_ptr<media::ArenaWriter> arena_;
  std::shared_ptr<media::ArenaReader> reader_;
  ViewerCounter viewers_;
  Metrics metrics_;
  std::int64_t now_us_ = 1000 * kSecond;
};

TEST_F(FlvFeedTest, BeginsAtTheNewestKeyFrameWithEverythingItNeeds) {
  for (const std::size_t per_call : {1UL, 10UL, 11UL, 12UL, 15UL, 64UL, 1000UL, 100'000UL}) {
    SCOPED_TRACE(per_call);
    FlvPublisher publisher(*arena_, per_call, per_call);
    publisher.frames(0, 50);
    FakeSocket socket;
    socket.per_call = per_call;
    const auto viewer = feed();
    for (int i = 0; i < 20'000 && socket.bytes.size() < 1200; ++i) (void)viewer->pump(socket, now_us_);
    while (viewer->pump(socket, now_us_) != Progress::kIdle) {
    }
    publisher.frames(50, 3);
    while (viewer->pump(socket, now_us_) != Progress::kIdle) {
    }
    std::vector<FlvTag> expected = configurations(40 * 20);
    add_frames(expected, 40, 13);
    EXPECT_EQ(parse_flv(socket.bytes), expected);
    EXPECT_EQ(socket.bytes[4], 5) << "sound and picture";
    publisher.end();
  }
}

TEST_F(FlvFeedTest, SendsManyTagsInOneCall) {
  FlvPublisher publisher(*arena_, 1, 1);
  publisher.frames(0, 20);
  FakeSocket socket;
  const auto viewer = feed();
  EXPECT_EQ(pump(*viewer, socket), Progress::kIdle);
  EXPECT_EQ(socket.calls, 2U);
}

TEST_F(FlvFeedTest, WaitsForAPublisherAndGivesUp) {
  FakeSocket socket;
  const auto viewer = feed();
  EXPECT_EQ(pump(*viewer, socket), Progress::kIdle);
  now_us_ += 4 * kSecond;
  EXPECT_EQ(pump(*viewer, socket), Progress::kIdle);
  FlvPublisher publisher(*arena_, 1, 1);
  now_us_ += kSecond / 2;
  EXPECT_EQ(pump(*viewer, socket), Progress::kIdle);
  now_us_ += 100 * kSecond;
  EXPECT_EQ(pump(*viewer, socket), Progress::kIdle) << "it is live, although it has no key frame yet";
  publisher.frames(0, 5);
  EXPECT_EQ(pump(*viewer, socket), Progress::kIdle);
  EXPECT_EQ(parse_flv(socket.bytes).size(), 3U + 5U);
  const auto other = feed();
  publisher.end();
  now_us_ += kSecond;
  FakeSocket nothing;
  EXPECT_EQ(pump(*other, nothing), Progress::kIdle) << "the end of an ended log is not shown";
  now_us_ += 5 * kSecond;
  EXPECT_EQ(pump(*other, nothing), Progress::kEnded);
  EXPECT_TRUE(nothing.bytes.empty());
}

TEST_F(FlvFeedTest, GoesOnWithTheNextPublicationOnOneTimeline) {
  FakeSocket socket;
  const auto viewer = feed();
  auto first = std::make_unique<FlvPublisher>(*arena_, 1, 1);
  first->base_ms = 100'000;
  first->frames(0, 10);
  EXPECT_EQ(pump(*viewer, socket), Progress::kIdle);
  first->frames(10, 2);
  first->end();
  EXPECT_EQ(pump(*viewer, socket), Progress::kIdle);
  now_us_ += 3 * kSecond;
  FlvPublisher second(*arena_, 2, 2);
  second.frames(0, 5);
  EXPECT_EQ(pump(*viewer, socket), Progress::kIdle);
  std::vector<FlvTag> expected = configurations(100'000);
  add_frames(expected, 0, 12, 100'000);
  const std::uint32_t joined = 100'000 + 11 * 20 + 40;
  for (FlvTag& tag : configurations(joined)) expected.push_back(std::move(tag));
  add_frames(expected, 0, 5, joined);
  EXPECT_EQ(parse_flv(socket.bytes), expected);
  second.end();
  EXPECT_EQ(pump(*viewer, socket), Progress::kIdle);
  now_us_ += 6 * kSecond;
  EXPECT_EQ(pump(*viewer, socket), Progress::kEnded);
}

TEST_F(FlvFeedTest, EndsWhenTheStreamComesBackPrivate) {
  FakeSocket socket;
  const auto viewer = feed();
  FlvPublisher first(*arena_, 1, 1);
  first.frames(0, 10);
  EXPECT_EQ(pump(*viewer, socket), Progress::kIdle);
  const std::size_t shown = socket.bytes.size();
  first.end();
  FlvPublisher second(*arena_, 2, 2, 4U << 20, true);
  second.frames(0, 10);
  EXPECT_EQ(pump(*viewer, socket), Progress::kEnded);
  EXPECT_EQ(socket.bytes.size(), shown);
}

TEST_F(FlvFeedTest, KeepsTimesThatGoOnByThemselves) {
  FakeSocket socket;
  const auto viewer = feed();
  FlvPublisher first(*arena_, 1, 1);
  first.frames(0, 10);
  EXPECT_EQ(pump(*viewer, socket), Progress::kIdle);
  first.end();
  FlvPublisher second(*arena_, 2, 2);
  second.base_ms = 1000;
  second.frames(0, 1);
  EXPECT_EQ(pump(*viewer, socket), Progress::kIdle);
  EXPECT_EQ(parse_flv(socket.bytes).back().timestamp, 1000U);
}

TEST_F(FlvFeedTest, SendsAChangedConfigurationBeforeItsFirstFrame) {
  FlvPublisher publisher(*arena_, 1, 1);
  publisher.base_ms = 0xFFFFFF;  // chunk headers with extended timestamps
  publisher.frames(0, 4);
  publisher.add_configuration(media::kVideoTrack, media::TrackKind::kVideo, MessageType::kVideo,
                              {0x17, 0, 0, 0, 0}, {9});
  publisher.frames(4, 2);
  FakeSocket socket;
  const auto viewer = feed();
  EXPECT_EQ(pump(*viewer, socket), Progress::kIdle);
  std::vector<FlvTag> expected = configurations(0xFFFFFF);
  add_frames(expected, 0, 4, 0xFFFFFF);
  expected.push_back({9, 0xFFFFFF + 80, {0x17, 0, 0, 0, 0, 9}});
  add_frames(expected, 4, 2, 0xFFFFFF);
  EXPECT_EQ(parse_flv(socket.bytes), expected);
}

// Sound that went to another configuration and back, and is silent since.
TEST_F(FlvFeedTest, SendsTheConfigurationThatASilentTrackUsedLast) {
  FlvPublisher publisher(*arena_, 1, 1);
  const auto sound = [&](std::uint8_t byte) {
    publisher.add_configuration(media::kAudioTrack, media::TrackKind::kAudio, MessageType::kAudio, {0xAF, 0},
                                {0x11, byte});
  };
  publisher.frame(true, true, 0, 0);
  publisher.frame(false, true, 1, 0);
  sound(0x88);
  publisher.frame(false, true, 2, 20);
  sound(0x90);
  publisher.frame(false, true, 3, 40);
  publisher.frame(true, true, 4, 60);
  FakeSocket socket;
  const auto viewer = feed();
  EXPECT_EQ(pump(*viewer, socket), Progress::kIdle);
  std::vector<FlvTag> expected = configurations(60);
  expected.push_back({9, 60, FlvPublisher::body(true, true, 4, 50)});
  EXPECT_EQ(parse_flv(socket.bytes), expected);
}

TEST_F(FlvFeedTest, SkipsForASlowViewerAndThenLetsItGo) {
  FlvPublisher publisher(*arena_, 1, 1);
  publisher.frames(0, 20, now_us_);
  FakeSocket socket;
  const auto viewer = feed();
  EXPECT_EQ(pump(*viewer, socket), Progress::kIdle);
  socket.in_all = socket.bytes.size() + 100;  // it takes a little more, then nothing
  publisher.frames(20, 1, now_us_);
  EXPECT_EQ(pump(*viewer, socket), Progress::kIdle);
  publisher.frames(21, 1, now_us_);
  EXPECT_EQ(pump(*viewer, socket), Progress::kBlocked);
  now_us_ += 15 * kSecond;
  publisher.frames(22, 1, now_us_ - 6 * kSecond);
  publisher.frames(23, 20, now_us_);
  socket.in_all = SIZE_MAX;
  socket.per_call = 37;  // the rest of the tag that was begun
  EXPECT_EQ(pump(*viewer, socket), Progress::kBlocked);
  socket.per_call = SIZE_MAX;
  EXPECT_EQ(pump(*viewer, socket), Progress::kIdle);
  const std::vector<FlvTag> tags = parse_flv(socket.bytes);
  ASSERT_GT(tags.size(), 2U);
  EXPECT_EQ(tags[tags.size() - 3].timestamp, 40U * 20);
  EXPECT_EQ(tags[tags.size() - 4].timestamp, 21U * 20) << "the tag that was begun is ended first";

  socket.in_all = socket.bytes.size();
  publisher.frames(43, 1, now_us_);
  EXPECT_EQ(pump(*viewer, socket), Progress::kBlocked);
  now_us_ += kSecond;
  publisher.frames(44, 30, now_us_ + 5 * kSecond);
  socket.in_all = SIZE_MAX;
  EXPECT_EQ(pump(*viewer, socket), Progress::kFailed) << "twice within 20 s";
}

// Each call ends in the middle of a tag, as those of a socket that is never empty do.
TEST_F(FlvFeedTest, SkipsForAViewerWhoseSocketAlwaysEndsInATag) {
  FlvPublisher publisher(*arena_, 1, 1);
  publisher.frames(0, 20, now_us_);
  FakeSocket socket;
  const auto viewer = feed();
  EXPECT_EQ(pump(*viewer, socket), Progress::kIdle);
  std::uint32_t number = 20;
  Progress progress = Progress::kIdle;
  for (int second = 0; second < 40 && progress != Progress::kFailed; ++second) {
    now_us_ += kSecond;
    for (int i = 0; i < 10; ++i, ++number) publisher.frame(true, i == 0, number, number * 100, 1000, now_us_);
    socket.per_call = 700;
    socket.in_all = socket.bytes.size() + 2100;  // a fifth of it
    progress = pump(*viewer, socket);
  }
  EXPECT_EQ(progress, Progress::kFailed) << "one skip is granted, and another one too soon is not";
  const std::vector<FlvTag> tags = parse_flv(socket.bytes);
  int skips = 0;
  for (std::size_t i = 1; i < tags.size(); ++i)
    if (tags[i].timestamp > tags[i - 1].timestamp + 2000) ++skips;
  EXPECT_EQ(skips, 1);
}

TEST_F(FlvFeedTest, IsTornWhenItsBytesAreOverwritten) {
  FlvPublisher publisher(*arena_, 1, 1, 512U << 10);
  publisher.frames(0, 20, 0, 1000);
  FakeSocket socket;
  const auto viewer = feed();
  std::uint32_t number = 20;
  socket.per_call = 700;
  EXPECT_EQ(viewer->pump(socket, now_us_), Progress::kMore);
  EXPECT_EQ(viewer->pump(socket, now_us_), Progress::kMore);
  socket.after = [&] {
    for (int i = 0; i < 2000; ++i, ++number) publisher.frame(true, false, number, number * 20, 1000);
  };
  Progress progress = Progress::kMore;
  for (int i = 0; i < 20 && (progress == Progress::kMore || progress == Progress::kBlocked); ++i)
    progress = viewer->pump(socket, now_us_);
  EXPECT_EQ(progress, Progress::kTorn);
}

TEST_F(FlvFeedTest, DropsWhatClientsSendAndSomeOfThem) {
  FlvPublisher publisher(*arena_, 1, 1);
  publisher.frames(0, 2);
  FakeSocket socket;
  const auto viewer = feed();
  viewer->receive(Bytes(60'000), now_us_);
  EXPECT_EQ(pump(*viewer, socket), Progress::kIdle);
  viewer->receive(Bytes(6'000), now_us_);
  EXPECT_EQ(pump(*viewer, socket), Progress::kFailed);
}

TEST_F(FlvFeedTest, CountsItsViewerAndItsBytes) {
  FlvPublisher publisher(*arena_, 1, 1);
  publisher.frames(0, 20);
  FakeSocket socket;
  auto viewer = feed();
  EXPECT_EQ(pump(*viewer, socket), Progress::kIdle);
  now_us_ += 2 * kSecond;
  EXPECT_EQ(pump(*viewer, socket), Progress::kIdle);
  const std::vector<StreamViewers> counted = viewers_.collect(now_us_);
  ASSERT_EQ(counted.size(), 1U);
  EXPECT_EQ(counted[0].viewers, 1U);
  EXPECT_EQ(counted[0].sent_bytes, socket.bytes.size());
}

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

TEST_F(FlvFeedTest, EndsWhenTheStreamIsBarred) {
  FlvPublisher publisher(*arena_, 1, 1);
  publisher.frames(0, 20);
  bool barred = false;
  FlvDependencies barring = dependencies();
  barring.is_barred = [&](std::string_view stream_id) { return barred && stream_id == "s1"; };
  FlvFeed viewer(barring, FlvViewer{"s1", "192.0.2.1", "test", {}}, now_us_);
  FakeSocket socket;
  EXPECT_EQ(pump(viewer, socket), Progress::kIdle);
  EXPECT_GT(socket.bytes.size(), 100U);
  barred = true;
  now_us_ += kSecond;
  EXPECT_EQ(pump(viewer, socket), Progress::kEnded);
}

TEST_F(FlvFeedTest, EndsForAViewerWhosePermissionIsTakenBack) {
  FlvPublisher publisher(*arena_, 1, 1, 4U << 20, true);
  publisher.frames(0, 20);
  bool permitted = true;
  FlvFeed viewer(dependencies(), FlvViewer{"s1", "192.0.2.1", "test", [&] { return permitted; }}, now_us_);
  FakeSocket socket;
  EXPECT_EQ(pump(viewer, socket), Progress::kIdle);
  EXPECT_GT(socket.bytes.size(), 100U);
  permitted = false;
  now_us_ += kSecond;
  EXPECT_EQ(pump(viewer, socket), Progress::kEnded);
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

TEST_F(FlvFeedTest, ShowsTheFirstTracksOnlyAndKeepsAnnotations) {
  FlvPublisher publisher(*arena_, 1, 1);
  publisher.add_configuration(media::kDataTrack, media::TrackKind::kData, MessageType::kVideo,
                              {0xD4, 'h', 'v', 'c', '1'}, {2}, media::Codec::kNone);
  publisher.add_configuration(3, media::TrackKind::kAudio, MessageType::kAudio,
                              {0x95, 0x00, 'O', 'p', 'u', 's', 1}, {7});
  publisher.frames(0, 2);
  publisher.frame(false, false, 99, 30, 50, 0, std::uint8_t{3});
  publisher.frames(2, 2);
  const auto viewer = feed();
  FakeSocket socket;
  EXPECT_EQ(pump(*viewer, socket), Progress::kIdle);
  std::vector<FlvTag> expected = configurations(0);
  expected.insert(expected.begin() + 1, {9, 0, {0xD4, 'h', 'v', 'c', '1', 2}});
  add_frames(expected, 0, 4);
  EXPECT_EQ(parse_flv(socket.bytes), expected);
}

}  // namespace
}  // namespace millrace::packaging
