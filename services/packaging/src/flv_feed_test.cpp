// What a viewer of FLV is sent.
#include "flv_fixture.hpp"

namespace millrace::packaging {
namespace {

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

TEST_F(FlvFeedTest, EndsAtOnceWhenTheStreamIsClosed) {
  FakeSocket socket;
  const auto viewer = feed();
  FlvPublisher publisher(*arena_, 1, 1);
  publisher.frames(0, 10);
  EXPECT_EQ(pump(*viewer, socket), Progress::kIdle);
  publisher.frames(10, 2);
  publisher.end(media::LogEnd::kRevoked);
  EXPECT_EQ(pump(*viewer, socket), Progress::kEnded);
  EXPECT_EQ(parse_flv(socket.bytes).size(), 3U + 12U) << "with all there is";
  FlvPublisher again(*arena_, 2, 2);
  again.frames(0, 10);
  FakeSocket other;
  EXPECT_EQ(pump(*feed(), other), Progress::kIdle) << "it was published again";
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

TEST_F(FlvFeedTest, EndsWhenTheStreamIsBarred) {
  FlvPublisher publisher(*arena_, 1, 1);
  publisher.frames(0, 20);
  bool barred = false;
  FlvFeed viewer(dependencies(), FlvViewer{"s1", "192.0.2.1", "test", [&](bool) { return !barred; }},
                 now_us_);
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
  FlvFeed viewer(dependencies(), FlvViewer{"s1", "192.0.2.1", "test", [&](bool) { return permitted; }},
                 now_us_);
  FakeSocket socket;
  EXPECT_EQ(pump(viewer, socket), Progress::kIdle);
  EXPECT_GT(socket.bytes.size(), 100U);
  permitted = false;
  now_us_ += kSecond;
  EXPECT_EQ(pump(viewer, socket), Progress::kEnded);
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
