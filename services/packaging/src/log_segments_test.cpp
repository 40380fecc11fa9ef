#include "log_segments.hpp"

#include <gtest/gtest.h>

#include "record_script.hpp"

namespace millrace::packaging {
namespace {

constexpr PublicationId kPublication{0xABCD};

struct Feed {
  std::vector<TrackTiming> timings = {video_timing(), audio_timing()};
  std::uint64_t from = 0;
  bool end = false;
};

LogSegments feed(const RecordScript& script, const Feed& how = {}) {
  LogSegments segments(kPublication);
  for (const TrackTiming& timing : how.timings) segments.add_configuration(timing);
  for (const media::SampleRecord& record : script.records) {
    if (record.sequence >= how.from) segments.add(record);
  }
  if (how.end) segments.end();
  return segments;
}

void expect_same(const Segment& a, const Segment& b) {
  EXPECT_EQ(a.publication_id, b.publication_id);
  EXPECT_EQ(a.media_sequence, b.media_sequence);
  EXPECT_EQ(a.discontinuity_sequence, b.discontinuity_sequence);
  EXPECT_EQ(a.first_record, b.first_record);
  EXPECT_EQ(a.end_record, b.end_record);
  EXPECT_EQ(a.start_wall, b.start_wall);
  EXPECT_EQ(a.duration_us, b.duration_us);
  ASSERT_EQ(a.tracks.size(), b.tracks.size());
  for (std::size_t i = 0; i < a.tracks.size(); ++i) {
    const TrackSpan& one = a.tracks[i];
    const TrackSpan& two = b.tracks[i];
    EXPECT_EQ(one.track, two.track);
    EXPECT_EQ(one.independent, two.independent);
    EXPECT_EQ(one.samples, two.samples);
    EXPECT_EQ(one.configuration, two.configuration);
    EXPECT_EQ(one.payload_bytes, two.payload_bytes);
    EXPECT_EQ(one.first_dts, two.first_dts);
    EXPECT_EQ(one.last_dts, two.last_dts);
    EXPECT_EQ(one.last_duration, two.last_duration);
    EXPECT_EQ(one.start_wall, two.start_wall);
    EXPECT_EQ(one.duration_us, two.duration_us);
  }
}

const TrackSpan& video_of(const Segment& segment) {
  static const TrackSpan none;
  const TrackSpan* const span = segment.track(media::kVideoTrack);
  EXPECT_NE(span, nullptr);
  return span != nullptr ? *span : none;
}
const TrackSpan& audio_of(const Segment& segment) {
  static const TrackSpan none;
  const TrackSpan* const span = segment.track(media::kAudioTrack);
  EXPECT_NE(span, nullptr);
  return span != nullptr ? *span : none;
}

TEST(LogSegments, OffersASegmentOnceTheNextHasBegun) {
  RecordScript script(100, 7);
  script.pictures_and_sound(0, 2000).cut();
  EXPECT_TRUE(feed(script).complete().empty());
  script.video(2000, true);
  const LogSegments segments = feed(script);
  ASSERT_EQ(segments.complete().size(), 1U);
  const Segment& segment = segments.complete().front();
  EXPECT_EQ(segment.publication_id, kPublication);
  EXPECT_EQ(segment.media_sequence, 100U);
  EXPECT_EQ(segment.discontinuity_sequence, 7U);
  EXPECT_EQ(segment.first_record, 0U);
  EXPECT_EQ(segment.end_record, script.records.size() - 1);
  EXPECT_EQ(segment.start_wall, kWallStart);
  EXPECT_EQ(segment.duration_us, 2'000'000);
  ASSERT_EQ(segment.tracks.size(), 2U);
  EXPECT_TRUE(video_of(segment).independent);
  EXPECT_EQ(video_of(segment).samples, 50U);
  EXPECT_EQ(video_of(segment).last_duration, 3600U);
  EXPECT_EQ(video_of(segment).configuration, 0U);
  EXPECT_EQ(video_of(segment).payload_bytes, 5'000U);
  EXPECT_EQ(video_of(segment).duration_us, 2'000'000);
  EXPECT_EQ(audio_of(segment).samples, 94U);
  EXPECT_EQ(audio_of(segment).last_duration, kAudioFrame);
  EXPECT_EQ(audio_of(segment).configuration, 1U);
  EXPECT_EQ(audio_of(segment).payload_bytes, 9'400U);
  EXPECT_EQ(audio_of(segment).duration_us, 94 * 1024 * 1'000'000LL / kAudioScale) << "its own";
}

TEST(LogSegments, CompletesTheLastSegmentAtTheEndAndRepeatsTheLastDuration) {
  RecordScript script(1);
  script.video(0, true).video(40).video(100);
  const LogSegments segments = feed(script, {.end = true});
  ASSERT_EQ(segments.complete().size(), 1U);
  EXPECT_EQ(video_of(segments.complete()[0]).last_duration, 60U * 90);
  EXPECT_EQ(segments.complete()[0].duration_us, 160'000);
  EXPECT_TRUE(segments.ended());
}

// I, P and one of two B when the encoder is cut off: the P is shown after the one that never came.
TEST(LogSegments, KnowsWhenWhatIsShownLastIsOver) {
  RecordScript script(1);
  script.video(0, true).video(40).video(80);
  for (std::size_t i = 0; i < 3; ++i) {
    constexpr std::int32_t kOffsets[] = {80, 160, 40};  // milliseconds
    script.records[i].composition_offset = kOffsets[i] * 90;
  }
  const LogSegments segments = feed(script, {.end = true});
  ASSERT_EQ(segments.complete().size(), 1U);
  EXPECT_EQ(segments.complete()[0].duration_us, 120'000);
  EXPECT_EQ(video_of(segments.complete()[0]).presented_end(), (40 + 160 + 40) * 90);
}

// I, P, B, B; then a segment that is cut at a P, whose B are shown before it.
TEST(LogSegments, KnowsWhenWhatIsShownFirstBegins) {
  RecordScript script(1);
  script.video(0, true).video(40).video(80).video(120).cut().video(160).video(200).video(240);
  for (std::size_t i = 0; i < script.records.size(); ++i) {
    constexpr std::int32_t kOffsets[] = {80, 160, 40, 40, 160, 40, 40};  // milliseconds
    script.records[i].composition_offset = kOffsets[i] * 90;
  }
  const LogSegments segments = feed(script, {.end = true});
  ASSERT_EQ(segments.complete().size(), 2U);
  EXPECT_EQ(video_of(segments.complete()[0]).shown_from, 80 * 90);
  EXPECT_EQ(video_of(segments.complete()[0]).presented_end(), 240 * 90);
  EXPECT_EQ(video_of(segments.complete()[1]).shown_from, 240 * 90);
}

TEST(LogSegments, GivesALoneFrameAThirtiethOfASecond) {
  RecordScript script(1);
  script.video(0, true);
  EXPECT_EQ(feed(script, {.end = true}).complete().at(0).duration_us, 33'333);
}

TEST(LogSegments, MeasuresAudioOnlyByItsSamples) {
  RecordScript script(1);
  for (int frame = 0; frame < 94; ++frame) script.audio(frame);
  script.cut();
  for (int frame = 94; frame < 188; ++frame) script.audio(frame);
  const LogSegments segments = feed(script, {.timings = {audio_timing(), audio_timing()}, .end = true});
  ASSERT_EQ(segments.complete().size(), 2U);
  for (const Segment& segment : segments.complete()) {
    EXPECT_TRUE(audio_of(segment).independent);
    EXPECT_NEAR(static_cast<double>(segment.duration_us), 94 * 1024 / 0.048, 1.0);
    EXPECT_EQ(segment.tracks.size(), 1U);
  }
}

// A segment cut without a key frame (its time was over) at an audio sample waits for the next frame.
TEST(LogSegments, WaitsForTheFrameThatEndsTheLastOne) {
  RecordScript script(1);
  script.video(0, true).video(40).cut().audio(3);
  EXPECT_TRUE(feed(script).complete().empty());
  script.video(90);
  const LogSegments segments = feed(script);
  ASSERT_EQ(segments.complete().size(), 1U);
  EXPECT_EQ(video_of(segments.complete()[0]).last_duration, 50U * 90);
}

TEST(LogSegments, GivesUpWaitingForVideoThatStaysSilent) {
  RecordScript script(1);
  script.video(0, true).video(40).cut().audio(4).audio(25);
  EXPECT_TRUE(feed(script).complete().empty());
  script.audio(26);  // half a second after the last picture
  EXPECT_EQ(feed(script).complete().size(), 1U);
  script.video(700).cut().audio(35).cut().video(740, true);
  const LogSegments segments = feed(script);
  ASSERT_EQ(segments.complete().size(), 3U);
  EXPECT_EQ(video_of(segments.complete()[0]).last_duration, 40U * 90) << "as the frame before it";
  EXPECT_FALSE(video_of(segments.complete()[1]).independent) << "the picture came back between key frames";
}

// As the part rule has it: dates may be put right where a segment begins, times on the timeline go on.
TEST(LogSegments, CountsSilenceByDecodeTimes) {
  for (const std::int64_t corrected_us : {-2'000'000, 0, 2'000'000}) {
    RecordScript script(1);
    script.video(0, true).video(40).cut().audio(4).audio(25);
    for (std::size_t i = 2; i < 4; ++i) script.records[i].presented_wall += corrected_us;
    EXPECT_TRUE(feed(script).complete().empty()) << corrected_us;
    script.audio(26);  // half a second after the last picture
    script.records.back().presented_wall += corrected_us;
    EXPECT_EQ(feed(script).complete().size(), 1U) << corrected_us;
  }
}

TEST(LogSegments, GivesUpWaitingForVideoWhenTheNextSegmentIsOver) {
  RecordScript script(1);
  script.video(0, true).video(40).cut().audio(4).audio(5).cut();
  EXPECT_TRUE(feed(script).complete().empty());
  script.audio(6);
  const LogSegments segments = feed(script);
  ASSERT_EQ(segments.complete().size(), 2U);
  EXPECT_EQ(video_of(segments.complete()[0]).last_duration, 40U * 90);
  EXPECT_EQ(segments.complete()[1].track(media::kVideoTrack), nullptr);
}

TEST(LogSegments, IsNotIndependentWithoutAKeyFrameInFront) {
  RecordScript script(1);
  script.video(0, true).audio(0).cut().audio(1).video(40).cut().video(80, true);
  const LogSegments segments = feed(script);
  ASSERT_EQ(segments.complete().size(), 2U);
  EXPECT_TRUE(video_of(segments.complete()[0]).independent);
  EXPECT_FALSE(video_of(segments.complete()[1]).independent);
}

TEST(LogSegments, IsNotIndependentWithARecoveryPointInFront) {
  RecordScript script(1);
  script.video(0, true).audio(0).cut().audio(1).video(40, true).cut().video(80, true);
  script.records[3].flags |= media::kSampleRecovery;
  const LogSegments segments = feed(script);
  ASSERT_EQ(segments.complete().size(), 2U);
  EXPECT_TRUE(video_of(segments.complete()[0]).independent);
  EXPECT_FALSE(video_of(segments.complete()[1]).independent);
}

TEST(LogSegments, NamesTheConfigurationInForceInEachSegment) {
  RecordScript script(1);
  script.pictures_and_sound(0, 400).cut(true);
  script.configuration[media::kVideoTrack] = 2;
  script.pictures_and_sound(400, 800).cut();
  script.video(800, true);
  const LogSegments segments =
      feed(script, {.timings = {video_timing(), audio_timing(), video_timing()}, .end = true});
  ASSERT_EQ(segments.complete().size(), 3U);
  EXPECT_EQ(video_of(segments.complete()[0]).configuration, 0U);
  EXPECT_EQ(video_of(segments.complete()[1]).configuration, 2U);
  EXPECT_EQ(segments.complete()[1].discontinuity_sequence, 1U);
  EXPECT_EQ(segments.complete()[2].track(media::kAudioTrack), nullptr) << "silent in it";
}

TEST(LogSegments, PassesOverTracksItDoesNotPackage) {
  RecordScript script(1);
  script.data(0).video(0, true).data(20).video(40).cut().data(80).video(80, true);
  const LogSegments segments =
      feed(script, {.timings = {video_timing(), audio_timing(), {media::kDataTrack}}});
  ASSERT_EQ(segments.complete().size(), 1U);
  EXPECT_EQ(video_of(segments.complete()[0]).samples, 2U);
  EXPECT_EQ(segments.complete()[0].tracks.size(), 1U);
  EXPECT_EQ(video_of(segments.complete()[0]).payload_bytes, 200U);
  EXPECT_EQ(segments.complete()[0].duration_us, 80'000);
}

TEST(LogSegments, TakesItsTimeFromMediaNotFromTheDataBefore) {
  RecordScript script(1);
  script.data(0).video(500, true).cut().video(2500, true);
  const LogSegments segments = feed(script);
  EXPECT_EQ(segments.complete().at(0).start_wall, kWallStart + 500'000);
  EXPECT_EQ(segments.complete().at(0).duration_us, 2'000'000);
}

// A track's own list is as long as the presentation: a silence that begins in a segment is in that one's
// length, except where the track only comes late, as it is interleaved.
TEST(LogSegments, CountsASilenceAtTheEndOfASegmentForItsTrack) {
  RecordScript silent(1);
  silent.audio(0).video(0, true).video(1000).cut().video(2000, true).cut().video(4000, true);
  const LogSegments paused = feed(silent);
  ASSERT_EQ(paused.complete().size(), 2U);
  EXPECT_EQ(audio_of(paused.complete()[0]).duration_us, 2'000'000);
  EXPECT_EQ(audio_of(paused.complete()[0]).last_duration, kAudioFrame);
  RecordScript late(1);
  late.cut().video(2000, true);
  for (int frame = 47; frame < 141; ++frame) late.audio(frame);
  late.cut().video(4000, true);
  EXPECT_EQ(audio_of(feed(late).complete().at(0)).duration_us, 94 * 1024 * 1'000'000LL / kAudioScale);
}

TEST(LogSegments, WaitsForTheLastFrameOfEveryPicture) {
  RecordScript script(1);
  script.configuration[kOtherVideoTrack] = 2;
  script.video(0, true).other_video(0, true).video(40).other_video(45).cut().video(80, true);
  const Feed how{.timings = {video_timing(), audio_timing(), other_video_timing()}};
  EXPECT_TRUE(feed(script, how).complete().empty());
  script.other_video(85);
  const LogSegments segments = feed(script, how);
  ASSERT_EQ(segments.complete().size(), 1U);
  const TrackSpan* const other = segments.complete()[0].track(kOtherVideoTrack);
  ASSERT_NE(other, nullptr);
  EXPECT_EQ(other->last_duration, 40U * 90);
  EXPECT_TRUE(other->independent);
  script.cut().video(600, true);
  EXPECT_EQ(feed(script, how).complete().size(), 2U) << "the other one is silent";
  EXPECT_FALSE(feed(script, how).complete().at(1).track(kOtherVideoTrack)->independent);
}

TEST(LogSegments, SaysWhichRecordsAGrowingSegmentNeeds) {
  RecordScript script(1);
  EXPECT_EQ(feed(script).growing_from(), std::nullopt);
  script.video(0, true).video(40).cut().audio(3);
  EXPECT_EQ(feed(script).growing_from(), 0U) << "the first waits for its last frame's duration";
  script.video(90);
  EXPECT_EQ(feed(script).growing_from(), 2U);
  EXPECT_EQ(feed(script, {.end = true}).growing_from(), std::nullopt);
}

TEST(LogSegments, ListsNothingAcrossASegmentWithoutMediaOrAMissingNumber) {
  RecordScript script(1);
  script.video(0, true).cut().data(40).cut().video(80, true).cut().cut().video(120, true).cut().video(160,
                                                                                                      true);
  const LogSegments segments = feed(script, {.end = true});
  ASSERT_EQ(segments.complete().size(), 2U);
  EXPECT_EQ(segments.complete()[0].media_sequence, 5U);
}

TEST(LogSegments, SurvivesRecordsThatMakeNoSense) {
  RecordScript script(1);
  script.video(1000, true).video(500).cut().video(400, true).cut().video(300, true);
  script.records[1].configuration = 99;
  script.records[2].track = 15;
  script.records[3].presented_wall = {};
  const LogSegments segments = feed(script, {.end = true});
  for (const Segment& segment : segments.complete()) {
    EXPECT_GT(segment.duration_us, 0);
    EXPECT_LT(segment.duration_us, 3'600'000'000);
  }
}

TEST(LogSegments, DropsWhatWasRecycled) {
  RecordScript script(1);
  script.video(0, true).video(40).cut().video(80, true).video(120).cut().video(160, true);
  LogSegments segments = feed(script);
  segments.recycled_before(0);
  EXPECT_EQ(segments.complete().size(), 2U);
  segments.recycled_before(1);
  ASSERT_EQ(segments.complete().size(), 1U);
  EXPECT_EQ(segments.complete()[0].media_sequence, 2U);
  segments.recycled_before(4);
  EXPECT_TRUE(segments.complete().empty());
}

// The property packaging's restarts stand on: reading from any retained record gives the same whole segments.
TEST(LogSegments, GivesTheSameSegmentsFromEveryStartingPoint) {
  RecordScript script(500, 3);
  script.video(0, true).video(40).video(80).cut(true).pictures_and_sound(120, 400).cut();
  script.audio(20).audio(21).video(440).cut().audio(22).audio(23).cut().audio(24).cut(true);
  script.configuration[media::kVideoTrack] = 2;
  script.video(600, true).video(640).audio(30).cut().pictures_and_sound(680, 1000).cut(true);
  script.configuration[media::kVideoTrack] = 0;
  script.video(1000, true).cut().audio(60).cut().audio(61).cut().data(1400).video(1400, true);
  const std::vector<TrackTiming> timings = {video_timing(), audio_timing(), video_timing()};
  for (const bool end : {false, true}) {
    const LogSegments whole = feed(script, {.timings = timings, .end = end});
    ASSERT_GE(whole.complete().size(), 7U);
    for (std::uint64_t from = 0; from <= script.records.size(); ++from) {
      const LogSegments part = feed(script, {.timings = timings, .from = from, .end = end});
      std::size_t expected = 0;
      for (const Segment& segment : whole.complete()) expected += segment.first_record >= from ? 1 : 0;
      ASSERT_EQ(part.complete().size(), expected) << "from " << from;
      for (std::size_t i = 0; i < expected; ++i) {
        expect_same(part.complete()[i], whole.complete()[whole.complete().size() - expected + i]);
      }
    }
  }
}

// … and what is complete does not change as the log grows.
TEST(LogSegments, NeverChangesACompleteSegment) {
  RecordScript script(1);
  script.pictures_and_sound(0, 400).cut().audio(20).video(440).cut().audio(22).cut().audio(23).cut(true);
  script.video(600, true).video(640).cut().pictures_and_sound(680, 1000).cut().video(1000, true);
  LogSegments growing(kPublication);
  growing.add_configuration(video_timing());
  growing.add_configuration(audio_timing());
  std::deque<Segment> before;
  for (const media::SampleRecord& record : script.records) {
    growing.add(record);
    ASSERT_GE(growing.complete().size(), before.size());
    for (std::size_t i = 0; i < before.size(); ++i) expect_same(before[i], growing.complete()[i]);
    before = growing.complete();
  }
}

}  // namespace
}  // namespace millrace::packaging
