#include "log_segments.hpp"

#include <gtest/gtest.h>

#include "record_script.hpp"

namespace millrace::packaging {
namespace {

constexpr std::uint64_t kPublication = 0xABCD;

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
  EXPECT_EQ(a.independent, b.independent);
  EXPECT_EQ(a.first_record, b.first_record);
  EXPECT_EQ(a.end_record, b.end_record);
  EXPECT_EQ(a.payload_bytes, b.payload_bytes);
  EXPECT_EQ(a.start_wall_us, b.start_wall_us);
  EXPECT_EQ(a.duration_us, b.duration_us);
  EXPECT_EQ(a.configurations, b.configurations);
  for (std::size_t track = 0; track < kTracks; ++track) {
    EXPECT_EQ(a.tracks[track].samples, b.tracks[track].samples);
    EXPECT_EQ(a.tracks[track].first_dts, b.tracks[track].first_dts);
    EXPECT_EQ(a.tracks[track].last_dts, b.tracks[track].last_dts);
    EXPECT_EQ(a.tracks[track].last_duration, b.tracks[track].last_duration);
  }
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
  EXPECT_TRUE(segment.independent);
  EXPECT_EQ(segment.first_record, 0U);
  EXPECT_EQ(segment.end_record, script.records.size() - 1);
  EXPECT_EQ(segment.start_wall_us, kWallStart);
  EXPECT_EQ(segment.duration_us, 2'000'000);
  EXPECT_EQ(segment.tracks[kVideo].samples, 50U);
  EXPECT_EQ(segment.tracks[kVideo].last_duration, 3600U);
  EXPECT_EQ(segment.tracks[kAudio].samples, 94U);
  EXPECT_EQ(segment.tracks[kAudio].last_duration, kAudioFrame);
  EXPECT_EQ(segment.configurations[kVideo], 0U);
  EXPECT_EQ(segment.configurations[kAudio], 1U);
  EXPECT_EQ(segment.payload_bytes, 14'400U);
}

TEST(LogSegments, CompletesTheLastSegmentAtTheEndAndRepeatsTheLastDuration) {
  RecordScript script(1);
  script.video(0, true).video(40).video(100);
  const LogSegments segments = feed(script, {.end = true});
  ASSERT_EQ(segments.complete().size(), 1U);
  EXPECT_EQ(segments.complete()[0].tracks[kVideo].last_duration, 60U * 90);
  EXPECT_EQ(segments.complete()[0].duration_us, 160'000);
  EXPECT_TRUE(segments.ended());
}

TEST(LogSegments, GivesALoneFrameAThirtiethOfASecond) {
  RecordScript script(1);
  script.video(0, true);
  EXPECT_EQ(feed(script, {.end = true}).complete().at(0).duration_us, 33'333);
}

TEST(LogSegments, MeasuresAudioOnlyByItsSamples) {
  RecordScript script(1);
  script.in_force = {};
  for (int frame = 0; frame < 94; ++frame) script.audio(frame);
  script.cut();
  for (int frame = 94; frame < 188; ++frame) script.audio(frame);
  const LogSegments segments = feed(script, {.timings = {audio_timing(), audio_timing()}, .end = true});
  ASSERT_EQ(segments.complete().size(), 2U);
  for (const Segment& segment : segments.complete()) {
    EXPECT_TRUE(segment.independent);
    EXPECT_NEAR(static_cast<double>(segment.duration_us), 94 * 1024 / 0.048, 1.0);
    EXPECT_FALSE(segment.configurations[kVideo].has_value());
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
  EXPECT_EQ(segments.complete()[0].tracks[kVideo].last_duration, 50U * 90);
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
  EXPECT_EQ(segments.complete()[0].tracks[kVideo].last_duration, 40U * 90) << "as the frame before it";
  EXPECT_FALSE(segments.complete()[1].independent) << "the picture came back between key frames";
}

TEST(LogSegments, GivesUpWaitingForVideoWhenTheNextSegmentIsOver) {
  RecordScript script(1);
  script.video(0, true).video(40).cut().audio(4).audio(5).cut();
  EXPECT_TRUE(feed(script).complete().empty());
  script.audio(6);
  const LogSegments segments = feed(script);
  ASSERT_EQ(segments.complete().size(), 2U);
  EXPECT_EQ(segments.complete()[0].tracks[kVideo].last_duration, 40U * 90);
  EXPECT_EQ(segments.complete()[1].tracks[kVideo].samples, 0U);
  EXPECT_EQ(segments.complete()[1].configurations[kVideo], 0U)
      << "the init segment still has the silent track";
}

TEST(LogSegments, IsNotIndependentWithoutAKeyFrameInFront) {
  RecordScript script(1);
  script.video(0, true).audio(0).cut().audio(1).video(40).cut().video(80, true);
  const LogSegments segments = feed(script);
  ASSERT_EQ(segments.complete().size(), 2U);
  EXPECT_TRUE(segments.complete()[0].independent);
  EXPECT_FALSE(segments.complete()[1].independent);
}

TEST(LogSegments, IsNotIndependentWithARecoveryPointInFront) {
  RecordScript script(1);
  script.video(0, true).audio(0).cut().audio(1).video(40, true).cut().video(80, true);
  script.records[3].flags |= media::kSampleRecovery;
  const LogSegments segments = feed(script);
  ASSERT_EQ(segments.complete().size(), 2U);
  EXPECT_TRUE(segments.complete()[0].independent);
  EXPECT_FALSE(segments.complete()[1].independent);
}

// An init segment with a track that never has a sample can't be opened by some players.
TEST(LogSegments, LeavesOutATrackThatHasNotBegun) {
  RecordScript script(1);
  script.audio(0).audio(1).cut().audio(2).cut(true).video(80, true).audio(3).cut().audio(4).cut().audio(5);
  for (const std::size_t start : {0, 2}) script.records[start].flags |= media::kSampleNoVideoYet;
  const LogSegments segments = feed(script);
  ASSERT_GE(segments.complete().size(), 3U);
  EXPECT_EQ(segments.complete()[0].configurations[kVideo], std::nullopt);
  EXPECT_EQ(segments.complete()[1].configurations[kVideo], std::nullopt);
  EXPECT_NE(segments.complete()[2].configurations[kVideo], std::nullopt);
  EXPECT_NE(segments.complete()[0].configurations[kAudio], std::nullopt);
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
  EXPECT_EQ(segments.complete()[0].configurations[kVideo], 0U);
  EXPECT_EQ(segments.complete()[1].configurations[kVideo], 2U);
  EXPECT_EQ(segments.complete()[1].discontinuity_sequence, 1U);
  EXPECT_EQ(segments.complete()[2].configurations[kAudio], 1U) << "audio is silent in it";
}

// An encoder that goes back to an earlier configuration is given that one's index, also for a reader that
// begins in the silence behind it.
TEST(LogSegments, NamesTheConfigurationThatASilentTrackUsedLast) {
  RecordScript script(1);
  script.pictures_and_sound(0, 400).cut(true);
  script.configuration[media::kVideoTrack] = 2;
  script.pictures_and_sound(400, 800).cut(true);
  script.configuration[media::kVideoTrack] = 0;
  script.pictures_and_sound(800, 1200).cut().audio(60).cut().audio(120).cut().video(3000, true);
  const std::vector<TrackTiming> timings = {video_timing(), audio_timing(), video_timing()};
  const LogSegments segments = feed(script, {.timings = timings});
  ASSERT_EQ(segments.complete().size(), 5U);
  EXPECT_EQ(segments.complete()[3].tracks[kVideo].samples, 0U);
  EXPECT_EQ(segments.complete()[3].configurations[kVideo], 0U);
  const LogSegments late = feed(script, {.timings = timings, .from = segments.complete()[3].first_record});
  ASSERT_EQ(late.complete().size(), 2U);
  EXPECT_EQ(late.complete()[0].configurations[kVideo], 0U);
}

TEST(LogSegments, LeavesATrackOutBeforeItsFirstSegment) {
  RecordScript script(10);
  script.in_force = {};
  script.video(0, true).cut().video(40, true).cut(true).video(80, true).audio(4).cut().video(120, true);
  const LogSegments segments = feed(script, {.timings = {video_timing(), audio_timing()}, .end = true});
  ASSERT_EQ(segments.complete().size(), 4U);
  EXPECT_FALSE(segments.complete()[1].configurations[kAudio].has_value());
  EXPECT_EQ(segments.complete()[2].configurations[kAudio], 1U);
  EXPECT_EQ(segments.complete()[3].configurations[kAudio], 1U);
}

TEST(LogSegments, PassesOverTracksItDoesNotPackage) {
  RecordScript script(1);
  script.data(0).video(0, true).data(20).video(40).cut().data(80).video(80, true);
  const LogSegments segments =
      feed(script, {.timings = {video_timing(), audio_timing(), {media::kDataTrack}}});
  ASSERT_EQ(segments.complete().size(), 1U);
  EXPECT_EQ(segments.complete()[0].tracks[kVideo].samples, 2U);
  EXPECT_EQ(segments.complete()[0].payload_bytes, 200U);
  EXPECT_EQ(segments.complete()[0].duration_us, 80'000);
}

TEST(LogSegments, TakesItsTimeFromMediaNotFromTheDataBefore) {
  RecordScript script(1);
  script.data(0).video(500, true).cut().video(2500, true);
  const LogSegments segments = feed(script);
  EXPECT_EQ(segments.complete().at(0).start_wall_us, kWallStart + 500'000);
  EXPECT_EQ(segments.complete().at(0).duration_us, 2'000'000);
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
  script.records[3].presented_wall_us = 0;
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
  script.in_force = {};
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
