// Parts: LogSegments with records that have them.
#include <gtest/gtest.h>

#include <map>
#include <tuple>

#include "log_segments.hpp"
#include "record_script.hpp"

namespace millrace::packaging {
namespace {

const std::vector<TrackTiming> kTracks = {video_timing(), audio_timing(), video_timing(),
                                          other_video_timing()};

LogSegments reading() {
  LogSegments segments(PublicationId{0xABCD});
  for (const TrackTiming& timing : kTracks) segments.add_configuration(timing);
  return segments;
}

LogSegments feed(const RecordScript& script, bool end = false, std::uint64_t from = 0) {
  LogSegments segments = reading();
  for (const media::SampleRecord& record : script.records) {
    if (record.sequence >= from) segments.add(record);
  }
  if (end) segments.end();
  return segments;
}

const Parts& parts_of(const Segment& segment, std::uint8_t track) {
  static const Parts none;
  const TrackSpan* const span = segment.track(track);
  return span == nullptr ? none : span->parts;
}

std::vector<std::uint32_t> numbers(const Parts& parts) {
  std::vector<std::uint32_t> result;
  for (const Part& part : parts) result.push_back(part.number);
  return result;
}

TEST(LogParts, CutsASegmentIntoTheRunsOfItsRecordsNumbers) {
  RecordScript script(1);
  script.part_us = 320'000;
  script.pictures_and_sound(0, 1000).cut();
  script.video(1000, true);
  const LogSegments segments = feed(script);
  ASSERT_EQ(segments.complete().size(), 1U);
  const Segment& segment = segments.complete().front();
  const auto& pictures = parts_of(segment, media::kVideoTrack);
  ASSERT_EQ(pictures.size(), 4U);
  EXPECT_EQ(numbers(pictures), (std::vector<std::uint32_t>{1, 2, 3, 4}));
  std::uint32_t samples = 0;
  std::uint64_t bytes = 0;
  std::int64_t dts = 0;
  for (const Part& part : pictures) {
    EXPECT_EQ(part.first_dts, dts);
    EXPECT_EQ(part.last_duration, 3600U);
    EXPECT_EQ(part.duration_us, part.samples * 40'000);
    EXPECT_EQ(part.independent, part.number == 1);
    samples += part.samples;
    bytes += part.payload_bytes;
    dts += part.samples * 3600;
  }
  EXPECT_EQ(samples, segment.track(media::kVideoTrack)->samples);
  EXPECT_EQ(bytes, segment.track(media::kVideoTrack)->payload_bytes);
  EXPECT_EQ(pictures[0].samples, 8U);
  EXPECT_EQ(pictures[3].samples, 1U);
  EXPECT_EQ(pictures[0].closed_us, 320'000) << "arrival of the ninth frame";
  EXPECT_EQ(pictures[3].closed_us, 1'000'000) << "arrival of the next key frame";
  const auto& sound = parts_of(segment, media::kAudioTrack);
  ASSERT_FALSE(sound.empty());
  EXPECT_EQ(sound.front().samples, 15U);
  EXPECT_EQ(sound.front().duration_us, 320'000);
  for (const Part& part : sound) EXPECT_TRUE(part.independent);
  EXPECT_EQ(sound.back().closed_us, 1'000'000) << "by the picture's next segment";
  EXPECT_EQ(segment.leading_track, media::kVideoTrack);
}

TEST(LogParts, ShowsClosedPartsOfTheSegmentThatGrows) {
  RecordScript script(1);
  script.part_us = 80'000;
  LogSegments segments = reading();
  EXPECT_EQ(segments.growing(), nullptr);
  EXPECT_EQ(segments.next_part(media::kVideoTrack), std::nullopt);
  script.video(0, true).video(40).video(80).video(120).video(160).cut().video(200, true);
  const std::vector<std::vector<std::uint32_t>> closed = {{}, {}, {1}, {1}, {1, 2}, {}};
  const std::vector<std::uint32_t> next = {1, 1, 2, 2, 3, 4};
  for (std::size_t i = 0; i < script.records.size(); ++i) {
    segments.add(script.records[i]);
    ASSERT_NE(segments.growing(), nullptr);
    EXPECT_EQ(numbers(parts_of(*segments.growing(), media::kVideoTrack)), closed[i]) << i;
    EXPECT_EQ(segments.next_part(media::kVideoTrack), next[i]) << i;
  }
  EXPECT_EQ(numbers(parts_of(segments.complete().at(0), media::kVideoTrack)),
            (std::vector<std::uint32_t>{1, 2, 3}));
  segments.end();
  EXPECT_EQ(segments.growing(), nullptr);
  EXPECT_EQ(segments.next_part(media::kVideoTrack), 5U);
}

TEST(LogParts, HasNoneWhereTheSegmentBeganWithoutAny) {
  RecordScript script(1);
  script.pictures_and_sound(0, 200);
  script.part_us = 80'000;
  script.pictures_and_sound(200, 400).cut().pictures_and_sound(400, 800);
  const LogSegments segments = feed(script, true);
  ASSERT_EQ(segments.complete().size(), 2U);
  EXPECT_TRUE(parts_of(segments.complete()[0], media::kVideoTrack).empty());
  EXPECT_TRUE(parts_of(segments.complete()[0], media::kAudioTrack).empty());
  EXPECT_EQ(parts_of(segments.complete()[1], media::kVideoTrack).size(), 5U);
}

// The segment waits for the second picture's last frame: the first one's parts are closed all the same.
TEST(LogParts, ClosesEachTracksLastPartAsSoonAsItsLastFramesDurationIsKnown) {
  RecordScript script(1);
  script.configuration[kOtherVideoTrack] = 3;
  script.part_us = 80'000;
  script.video(0, true).other_video(5, true).video(40).other_video(45).audio(0).cut().video(80, true);
  const LogSegments waiting = feed(script);
  ASSERT_TRUE(waiting.complete().empty());
  ASSERT_EQ(waiting.growing()->media_sequence, 1U);
  EXPECT_EQ(parts_of(*waiting.growing(), media::kVideoTrack).size(), 1U);
  EXPECT_EQ(parts_of(*waiting.growing(), media::kAudioTrack).size(), 1U);
  EXPECT_TRUE(parts_of(*waiting.growing(), kOtherVideoTrack).empty());
  EXPECT_EQ(waiting.next_part(kOtherVideoTrack), 1U);
  script.other_video(85, true);
  const LogSegments settled = feed(script);
  ASSERT_EQ(settled.complete().size(), 1U);
  EXPECT_EQ(parts_of(settled.complete()[0], kOtherVideoTrack).at(0).duration_us, 80'000);
  EXPECT_EQ(settled.growing()->media_sequence, 2U);
}

TEST(LogParts, ShowsNoneOfTheNextSegmentBeforeAllOfThisOne) {
  RecordScript script(1);
  script.configuration[kOtherVideoTrack] = 3;
  script.part_us = 80'000;
  script.video(0, true).other_video(5, true).video(40).cut().video(80, true).video(120).video(160);
  LogSegments segments = feed(script);
  ASSERT_EQ(segments.growing()->media_sequence, 1U);
  EXPECT_EQ(segments.next_part(media::kVideoTrack), 2U) << "closed, but in no list yet";
  script.other_video(165, true);
  segments.add(script.records.back());
  ASSERT_EQ(segments.growing()->media_sequence, 2U);
  EXPECT_EQ(numbers(parts_of(*segments.growing(), media::kVideoTrack)), (std::vector<std::uint32_t>{2}));
  EXPECT_EQ(segments.next_part(media::kVideoTrack), 3U);
}

TEST(LogParts, CountsTheLeadingTracksPartsThatATrackMissed) {
  RecordScript script(1);
  script.part_us = 80'000;
  script.video(0, true).audio(0).video(40).cut().video(80, true).video(120).video(160).audio(8).video(200);
  const LogSegments segments = feed(script, true);
  ASSERT_EQ(segments.complete().size(), 2U);
  EXPECT_EQ(segments.complete()[0].track(media::kAudioTrack)->parts_missed, 0U);
  EXPECT_EQ(segments.complete()[1].track(media::kAudioTrack)->parts_missed, 1U);
  EXPECT_EQ(segments.complete()[1].track(media::kVideoTrack)->parts_missed, 0U);
}

TEST(LogParts, LeavesOutSamplesOfAConfigurationThatIsTooSoon) {
  RecordScript script(1);
  script.part_us = 80'000;
  script.video(0, true).video(40);
  script.configuration[media::kVideoTrack] = 2;
  script.video(80, true).video(120);
  script.configuration[media::kVideoTrack] = 0;
  script.video(160, true).video(200).cut().video(240, true);
  const LogSegments segments = feed(script);
  const auto& parts = parts_of(segments.complete().at(0), media::kVideoTrack);
  EXPECT_EQ(numbers(parts), (std::vector<std::uint32_t>{1, 3}));
  EXPECT_EQ(parts[0].samples + parts[1].samples, 4U);
  EXPECT_EQ(parts[0].duration_us, 160'000) << "up to the next sample that is in it";
}

TEST(LogParts, HintNoneThatIsLeftOut) {
  RecordScript script(1);
  script.part_us = 80'000;
  script.video(0, true).video(40);
  script.configuration[media::kVideoTrack] = 2;
  script.video(80, true).video(120);
  EXPECT_EQ(feed(script).next_part(media::kVideoTrack), 1U)
      << "it is open as long as its next sample is not there";
  script.configuration[media::kVideoTrack] = 0;
  script.cut().video(160, true);
  EXPECT_EQ(feed(script).next_part(media::kVideoTrack), 3U);
}

// Whoever reads, from wherever, at whatever moment: a part that is closed is the same for all.
TEST(LogParts, AreTheSameFromEveryStartingPointAndNeverChange) {
  RecordScript script(500, 3);
  script.pictures_and_sound(0, 400).cut();
  script.part_us = 120'000;
  script.pictures_and_sound(400, 800).cut();
  script.configuration[kOtherVideoTrack] = 3;
  script.video(800, true).other_video(805, true).audio(40).video(840).other_video(845).cut().audio(41);
  script.audio(42).cut(true).audio(43).pictures_and_sound(880, 1400).cut().audio(70).audio(71).audio(99);
  script.cut().video(2400, true).other_video(2410, true).data(2415).video(2440).cut().video(2480, true);
  std::map<std::tuple<std::uint64_t, std::uint8_t, std::uint32_t>, Part> known;
  const auto compare = [&](const Segment& segment) {
    for (const TrackSpan& span : segment.tracks) {
      for (const Part& part : span.parts) {
        const auto key = std::tuple(segment.media_sequence, span.track, part.number);
        const auto [found, is_new] = known.emplace(key, part);
        EXPECT_EQ(found->second, part) << segment.media_sequence << " " << int{span.track};
      }
    }
  };
  for (std::uint64_t from = 0; from <= script.records.size(); ++from) {
    LogSegments segments = reading();
    for (const media::SampleRecord& record : script.records) {
      if (record.sequence < from) continue;
      segments.add(record);
      if (segments.growing() != nullptr) compare(*segments.growing());
    }
    for (const Segment& segment : segments.complete()) compare(segment);
  }
  EXPECT_GE(known.size(), 20U);
}

}  // namespace
}  // namespace millrace::packaging
