#include "media/timeline.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <sstream>
#include <string>
#include <vector>

namespace millrace::media {
namespace {

// Each case is a line of samples as the encoder sends them and the line that must come out, both drawn as
// text.
//
//   in:   K0 v40 a21     track letter (K: key frame of video, v: other video, a: audio, d: data), RTMP's time
//                        stamp in milliseconds
//   out:  K0| v40 a21!   milliseconds on the timeline; | begins a segment, ^ a discontinuity, ! was repaired
struct Drawn {
  std::string name;
  std::string in;
  std::string out;
};

void PrintTo(const Drawn& drawn, std::ostream* stream) {
  *stream << drawn.in;
}

constexpr WallTime kStarted = WallTime::from_us(1'700'000'000'000'000);

Timeline make_timeline(bool video = true, bool audio = true, StreamContinuation continuation = {}) {
  Timeline timeline({continuation});
  if (video) timeline.configure(kVideoTrack, TrackKind::kVideo, 90'000, 0);
  if (audio) timeline.configure(kAudioTrack, TrackKind::kAudio, 48'000, 1024);
  timeline.configure(kDataTrack, TrackKind::kData, 1000, 0);
  return timeline;
}

Timeline::Input sample(const std::string& drawn) {
  Timeline::Input input;
  input.track = drawn[0] == 'a' ? kAudioTrack : drawn[0] == 'd' ? kDataTrack : kVideoTrack;
  input.key = drawn[0] == 'K';
  input.timestamp_ms = static_cast<std::uint32_t>(std::stoll(drawn.substr(1)));
  return input;
}

std::vector<SampleRecord> place_all(Timeline& timeline, const std::string& in) {
  std::vector<SampleRecord> records;
  std::istringstream stream(in);
  for (std::string word; stream >> word;) records.push_back(timeline.place(sample(word)));
  return records;
}

std::string draw(const std::vector<SampleRecord>& records) {
  std::string text;
  for (const SampleRecord& record : records) {
    if (!text.empty()) text += ' ';
    text += record.track == kAudioTrack        ? 'a'
            : record.track == kDataTrack       ? 'd'
            : (record.flags & kSampleKey) != 0 ? 'K'
                                               : 'v';
    text += std::to_string(record.wire_timestamp_ms);
    if ((record.flags & kSampleSegmentStart) != 0) text += '|';
    if ((record.flags & kSampleDiscontinuity) != 0) text += '^';
    if ((record.flags & kSampleRepaired) != 0) text += '!';
  }
  return text;
}

class DrawnTimeline : public testing::TestWithParam<Drawn> {};

TEST_P(DrawnTimeline, ComesOutAsDrawn) {
  Timeline timeline = make_timeline();
  EXPECT_EQ(draw(place_all(timeline, GetParam().in)), GetParam().out);
}

INSTANTIATE_TEST_SUITE_P(
    Timeline, DrawnTimeline,
    testing::Values(
        Drawn{"KeepsThePublishersTimes", "K0 a0 a21 v40 a43 v80", "K0| a0 a21 v40 a43 v80"},
        Drawn{"BeginsWhereThePublisherBegins", "K70000 v70040", "K70000| v70040"},
        Drawn{"IsNotTouchedBy24Bits", "K16777200 v16777240 v16777280", "K16777200| v16777240 v16777280"},
        Drawn{"Crosses31Bits", "K2147483640 v2147483680 v2147483720", "K2147483640| v2147483680 v2147483720"},
        Drawn{"Crosses32Bits", "K4294967280 a4294967290 v24 a15 v64", "K4294967280| a4294967290 v24 a15 v64"},
        Drawn{"MovesEqualVideoTimesApart", "K0 v40 v40 v40 v80", "K0| v40 v41! v42! v80"},
        Drawn{"RepairsOneMillisecondBack", "K0 v40 v39 v80", "K0| v40 v41! v80"},
        Drawn{"ContinuesAfterFiveSecondsBack", "K9000 v9040 v4040 v4080", "K9000| v9040 v9080|^ v9120"},
        Drawn{"ContinuesAfterAStepBackToZero", "K60000 v60040 K0 v40", "K60000| v60040 K60080|^ v60120"},
        Drawn{"ContinuesAfterOneHourForward", "K0 v40 v3600040 v3600080", "K0| v40 v80|^ v120"},
        Drawn{"KeepsAGapOfNineSeconds", "K0 v40 v9040", "K0| v40 v9040"},
        // Sound was 20 ms before the picture when the clock began again, and still is.
        Drawn{"KeepsSoundWithPictureOverAJump", "K60000 a60020 v60040 K20 a40 v60 a61",
              "K60000| a60020 v60040 K60080|^ a60100 v60120 a60121"},
        Drawn{"LetsALateTrackFollowTheJumpOfTheFirst", "K60000 a60000 K0 a60021 a0 v40 a21",
              "K60000| a60000 K60022|^ a60021 a60022 v60062 a60043"},
        Drawn{"LetsThePictureFollowTheJumpOfTheSound", "K60000 a60000 v60040 a100 K100 v140",
              "K60000| a60000 v60040 a60080|^ K60080 v60120"},
        Drawn{"AcceptsSoundThreeSecondsAhead", "a3000 K0 a3021 v40", "a3000| K0 a3021 v40"},
        Drawn{"NeverGoesBelowZero", "K0 a4294967280 v40", "K0| a0! v40"},
        // Two clocks without relation: each goes on by itself, without an endless fight over the mapping.
        Drawn{"KeepsUnrelatedClocksApart", "K0 a5000000 v40 a5000021 v80 a5000042",
              "K0| a1|^ v40 a22 v80 a43"},
        Drawn{"CutsAtTheFirstKeyAfterTheTarget", "K0 K1000 K2000 K3000 v3500 K4500",
              "K0| K1000 K2000| K3000 v3500 K4500|"},
        Drawn{"ForgivesRoundingOfTheKeyDistance", "K33 K2032 K4033", "K33| K2032| K4033|"},
        Drawn{"ForgivesJitterOfTheKeyDistance", "K0 K1990 K4010 K5995", "K0| K1990| K4010| K5995|"},
        Drawn{"LeavesTenSecondGopsWhole", "K0 v40 v9000 v9040 K10000", "K0| v40 v9000 v9040 K10000|"},
        Drawn{"BreaksWhenPictureComesLate", "a0 a3979 a4000 a5979 a6000 v6030 K6040",
              "a0| a3979 a4000| a5979 a6000| v6030|^ K6040"},
        Drawn{"BreaksWhenSoundComesLate", "K0 K2000 v2040 a2040 a2061 v3000 K4000",
              "K0| K2000| v2040 a2040|^ a2061 v3000 K4000|"},
        Drawn{"DoesNotBreakForSoundInTheFirstSegment", "K0 v40 a40 v80 K2000", "K0| v40 a40 v80 K2000|"},
        Drawn{"PutsStrayDataNow", "K60000 d60010 d0 v60040 d0", "K60000| d60010 d60011! v60040 d60040!"},
        Drawn{"LetsDataComeFirst", "d0 K5000000 v5000040", "d0| K5000000 v5000040"}),
    [](const auto& drawn) { return drawn.param.name; });

TEST(Timeline, CountsJumps) {
  Timeline timeline = make_timeline();
  place_all(timeline, "K60000 v60040 K0 v40 K7200000 v7200040");
  EXPECT_EQ(timeline.jumps(), 2U);
}

TEST(Timeline, UnwrapsForever) {
  Timeline timeline = make_timeline();
  std::uint32_t raw = 4'000'000'000U;
  std::int64_t expected = raw;
  std::int64_t dts = timeline.place({kVideoTrack, raw, 0, true, 0, {}}).dts;
  for (int i = 0; i < 1'000'000; ++i) {  // 115 days in steps of ten seconds
    raw += 9999;
    expected += 9999;
    dts = timeline.place({kVideoTrack, raw, 0, true, 0, {}}).dts;
  }
  EXPECT_EQ(dts, expected * 90);
  EXPECT_EQ(timeline.jumps(), 0U);
}

TEST(Timeline, CountsAudioInSamplesWhateverTheMillisecondsSay) {
  Timeline timeline = make_timeline();
  for (int i = 0; i < 10'000; ++i) {
    const auto jittering = static_cast<std::uint32_t>(i * 1024LL * 1000 / 48'000 + i % 7);
    const SampleRecord record = timeline.place({kAudioTrack, jittering, 0, false, 0, {}});
    ASSERT_EQ(record.dts, std::int64_t{1024} * i);
    ASSERT_EQ(record.wire_timestamp_ms, jittering);
    ASSERT_EQ(record.flags & kSampleRepaired, 0);
  }
}

TEST(Timeline, BeginsTheAudioCountWithTheSecondFrameWhenTheFirstWasCutOffAtZero) {
  Timeline timeline = make_timeline();
  const std::vector<SampleRecord> records = place_all(timeline, "a0 a0 a21 a21 a64");
  EXPECT_EQ(records[0].dts, 0);
  EXPECT_EQ(records[1].dts, 1);
  EXPECT_EQ(records[2].dts, 1025);
  EXPECT_EQ(records[3].dts, 2049) << "later equal times are jitter";
  EXPECT_EQ(records[4].dts, 3073);
}

TEST(Timeline, LetsTheAudioCountFollowTheClockWhenTheyAreApart) {
  Timeline timeline = make_timeline();
  const std::vector<SampleRecord> records = place_all(timeline, "a0 a21 a43 a143 a164");
  EXPECT_EQ(records[2].dts, 2048);
  EXPECT_EQ(records[3].dts, 143 * 48);
  EXPECT_EQ(records[3].flags & kSampleRepaired, 0);
  EXPECT_EQ(records[4].dts, 143 * 48 + 1024);
}

// Phones stamp what a buffer held with one time.
TEST(Timeline, KeepsEvenTimesOfSoundThatComesInBurstsWithOneStamp) {
  for (const int burst : {2, 4, 8, 16}) {
    Timeline timeline = make_timeline(false);
    std::int64_t shift = 0;
    for (int i = 0; i < 2000; ++i) {
      const auto stamp = static_cast<std::uint32_t>(std::int64_t{i / burst * burst} * 1024 * 1000 / 48'000);
      const SampleRecord record = timeline.place({kAudioTrack, stamp, 0, true, 0, {}});
      // The first frame's stamp comes twice, as if it had been cut off: the count begins with the second.
      if (i == 1) shift = record.dts;
      if (i == 0) continue;
      ASSERT_EQ(record.dts, shift + std::int64_t{1024} * (i - 1)) << burst << ' ' << i;
      ASSERT_EQ(record.flags & kSampleRepaired, i == 1 ? kSampleRepaired : 0) << burst << ' ' << i;
    }
  }
}

TEST(Timeline, HoldsTheAudioCountWhenItRunsAhead) {
  Timeline timeline = make_timeline();
  std::int64_t last = -1;
  for (int i = 0; i < 100; ++i) {  // half as much time as samples
    const SampleRecord record =
        timeline.place({kAudioTrack, static_cast<std::uint32_t>(i * 10), 0, false, 0, {}});
    ASSERT_GT(record.dts, last);
    ASSERT_LE(record.dts, i * 480 + 501 * 48 + 1024);
    if (i == 99) {
      ASSERT_TRUE(record.flags & kSampleRepaired) << "the count follows the clock in the end";
    }
    last = record.dts;
  }
}

// GStreamer begins streams with B-frames like this: decode times that would be negative become zero.
TEST(Timeline, KeepsPresentationTimesOfRepairedPictures) {
  Timeline timeline = make_timeline();
  const auto shown = [&timeline](std::uint32_t timestamp_ms, std::int32_t offset_ms) {
    const SampleRecord record = timeline.place({kVideoTrack, timestamp_ms, offset_ms, false, 0, {}});
    return (record.dts + record.composition_offset) / 90;
  };
  EXPECT_EQ(shown(0, 0), 0);
  EXPECT_EQ(shown(0, 100), 100);
  EXPECT_EQ(shown(0, 33), 33);
  EXPECT_EQ(shown(33, 34), 67);
  EXPECT_EQ(shown(20, 0), 20);
}

TEST(Timeline, KeepsCompositionOffsetsWithTheirSign) {
  struct Case {
    std::int32_t milliseconds;
    std::int32_t ticks;
  };
  Timeline timeline = make_timeline();
  std::uint32_t time = 0;
  for (const Case& c : {Case{0, 0}, Case{80, 7200}, Case{-40, -3600}, Case{32'768, 2'949'120},
                        Case{-8'388'608, -754'974'720}}) {
    EXPECT_EQ(timeline.place({kVideoTrack, time += 40, c.milliseconds, false, 0, {}}).composition_offset,
              c.ticks);
  }
}

TEST(Timeline, NeverStepsBackOnAnyTrack) {
  Timeline timeline = make_timeline();
  std::array<std::int64_t, 3> last{-1, -1, -1};
  std::uint64_t media_sequence = 0;
  std::uint32_t random = 12345;
  for (int i = 0; i < 200'000; ++i) {
    random = random * 1664525U + 1013904223U;
    const auto track = static_cast<std::uint8_t>(random >> 30U) % 3;
    const std::uint32_t raw = (random & 15U) == 0 ? random * 2654435761U : random >> 16U;
    const SampleRecord record =
        timeline.place({static_cast<std::uint8_t>(track), raw, 0, (random & 64U) != 0, i, kStarted + i});
    ASSERT_GT(record.dts, last.at(track));
    ASSERT_GE(record.media_sequence, media_sequence);
    last.at(track) = record.dts;
    media_sequence = record.media_sequence;
  }
}

TEST(Timeline, BeginsADiscontinuityWhenAConfigurationChanges) {
  Timeline timeline = make_timeline();
  place_all(timeline, "K0 a0 v40");
  timeline.configure(kVideoTrack, TrackKind::kVideo, 90'000, 0);
  timeline.configure(kAudioTrack, TrackKind::kAudio, 48'000, 1024);
  // One break for both: the sound's new configuration has come before the break too.
  EXPECT_EQ(draw(place_all(timeline, "K80 a21 v120")), "K80|^ a21 v120");
}

TEST(Timeline, TakesAChangedConfigurationAlongWithTheSegmentThatIsDue) {
  Timeline timeline = make_timeline();
  place_all(timeline, "K0 a0 v40 a21 v1960");
  timeline.configure(kAudioTrack, TrackKind::kAudio, 48'000, 1024);
  EXPECT_EQ(draw(place_all(timeline, "K2000 a43")), "K2000|^ a43") << "no segment of the picture alone";
}

std::ptrdiff_t discontinuities(const std::vector<SampleRecord>& records) {
  return std::count_if(records.begin(), records.end(),
                       [](const SampleRecord& record) { return (record.flags & kSampleDiscontinuity) != 0; });
}

// The segments in between begin with the old configuration, so the new one needs a break of its own.
TEST(Timeline, BeginsADiscontinuityWithTheFirstSoundOfAConfigurationThatCameLongBefore) {
  Timeline timeline = make_timeline();
  place_all(timeline, "K0 a0 v40 a21 v1960");
  timeline.configure(kAudioTrack, TrackKind::kAudio, 48'000, 1024);
  EXPECT_EQ(draw(place_all(timeline, "K2000 v2040 v3960 K4000 v4040 v5960 K6000")),
            "K2000|^ v2040 v3960 K4000| v4040 v5960 K6000|");
  const auto records = place_all(timeline, "v6040 a6500 a6521");
  EXPECT_EQ(discontinuities(records), 1);
  EXPECT_NE(records[1].flags & kSampleDiscontinuity, 0);
  EXPECT_NE(records[1].flags & kSampleSegmentStart, 0);
}

TEST(Timeline, BeginsADiscontinuityWithTheFirstPictureOfAConfigurationThatCameLongBefore) {
  Timeline timeline = make_timeline();
  place_all(timeline, "K0 a0 v40");
  timeline.configure(kVideoTrack, TrackKind::kVideo, 90'000, 0);
  std::string sound;
  for (int i = 1; i < 300; ++i) sound += (i == 1 ? "a" : " a") + std::to_string(i * 1024 / 48);
  EXPECT_LE(discontinuities(place_all(timeline, sound)), 1);
  const auto records = place_all(timeline, "K6420 a6421 v6460");
  EXPECT_EQ(discontinuities(records), 1);
  EXPECT_NE(records[0].flags & kSampleDiscontinuity, 0);
}

// An encoder that sends its two configurations by turns, one a frame.
TEST(Timeline, CutsForChangesOfConfigurationOnceInHalfATargetAtMost) {
  for (const bool video : {true, false}) {
    Timeline timeline = make_timeline(video);
    std::vector<std::uint32_t> starts;
    std::uint64_t segment = 0;
    const auto take = [&](const SampleRecord& record) {
      if ((record.flags & kSampleSegmentStart) == 0) return;
      EXPECT_EQ((record.flags & kSampleDiscontinuity) != 0, !starts.empty());
      EXPECT_TRUE(starts.empty() || record.media_sequence == segment + 1);
      segment = record.media_sequence;
      starts.push_back(record.wire_timestamp_ms);
    };
    for (std::uint32_t frame = 0; frame * 64 < 3 * 20'000; ++frame) {
      const std::uint32_t sound_ms = frame * 64 / 3;
      if (video && frame % 2 == 0) {
        const std::string kind = frame % 94 == 0 ? "K" : "v";
        take(timeline.place(sample(kind + std::to_string(sound_ms))));
      }
      timeline.configure(kAudioTrack, TrackKind::kAudio, 48'000, 1024);
      take(timeline.place(sample("a" + std::to_string(sound_ms))));
    }
    ASSERT_GE(starts.size(), 10U);
    for (std::size_t i = 2; i < starts.size(); ++i) EXPECT_GE(starts[i] - starts[i - 1], 900U) << i;
  }
}

TEST(Timeline, LetsAPictureChangedTooSoonWaitForAKeyFrame) {
  Timeline timeline = make_timeline(true, false);
  const auto change = [&] { timeline.configure(kVideoTrack, TrackKind::kVideo, 90'000, 0); };
  place_all(timeline, "K0 v40");
  change();
  EXPECT_EQ(draw(place_all(timeline, "K80 v120")), "K80|^ v120");
  change();
  EXPECT_EQ(draw(place_all(timeline, "K160 v200 v1120 K1160 v1200")), "K160 v200 v1120 K1160|^ v1200");
}

TEST(Timeline, KeepsTheTimeWhenTheSampleRateChanges) {
  Timeline timeline = make_timeline(false);
  place_all(timeline, "a0 a21");
  timeline.configure(kAudioTrack, TrackKind::kAudio, 44'100, 1024);
  const std::vector<SampleRecord> records = place_all(timeline, "a43 a66");
  EXPECT_EQ(records[0].dts, 2048 * 441 / 480);
  EXPECT_EQ(records[1].dts, records[0].dts + 1024);
  EXPECT_EQ(draw(records), "a43|^ a66");
}

TEST(Timeline, DoesNotBreakForAConfigurationTakenBackBeforeItsFirstSample) {
  const auto change = [](Timeline& timeline) {
    timeline.configure(kVideoTrack, TrackKind::kVideo, 90'000, 0);
    timeline.configure(kAudioTrack, TrackKind::kAudio, 44'100, 1024);
  };
  const auto change_back = [](Timeline& timeline) {
    timeline.configure_as_before(kVideoTrack, TrackKind::kVideo, 90'000, 0);
    timeline.configure_as_before(kAudioTrack, TrackKind::kAudio, 48'000, 1024);
  };
  Timeline timeline = make_timeline();
  place_all(timeline, "K0 a0 v40");
  change(timeline);
  change(timeline);
  change_back(timeline);
  const auto records = place_all(timeline, "K80 a21 v120 K2000");
  EXPECT_EQ(draw(records), "K80 a21 v120 K2000|");
  EXPECT_EQ(records[1].dts, 1024);
  change(timeline);
  EXPECT_EQ(draw(place_all(timeline, "K3000 a3001")), "K3000|^ a3001") << "one that samples have is a change";
}

// The break that a change had to wait for is not forgotten with a later change.
TEST(Timeline, KeepsAWaitingChangeWhenALaterOneIsTakenBack) {
  Timeline timeline = make_timeline(true, false);
  const auto change = [&] { timeline.configure(kVideoTrack, TrackKind::kVideo, 90'000, 0); };
  place_all(timeline, "K0 v40");
  change();
  place_all(timeline, "K80");
  change();
  EXPECT_EQ(draw(place_all(timeline, "K160 v200")), "K160 v200");
  change();
  timeline.configure_as_before(kVideoTrack, TrackKind::kVideo, 90'000, 0);
  EXPECT_EQ(draw(place_all(timeline, "K1160 v1200")), "K1160|^ v1200");
}

TEST(Timeline, CutsAudioOnlyAtTheTarget) {
  Timeline timeline = make_timeline(false);
  EXPECT_EQ(draw(place_all(timeline, "a0 a1984 a2005 a2027 a4010")), "a0| a1984 a2005| a2027 a4010|");
}

TEST(Timeline, GoesOnFromTheNumbersOfTheLastPublication) {
  Timeline timeline = make_timeline(true, true, {true, Epoch{3}, 41, 7, 2000, 4});
  const std::vector<SampleRecord> records = place_all(timeline, "K0 v40 K2000");
  EXPECT_EQ(draw(records), "K0|^ v40 K2000|");
  EXPECT_EQ(records[0].media_sequence, 42U);
  EXPECT_EQ(records[2].media_sequence, 43U);
  EXPECT_EQ(records[0].discontinuity_sequence, 8U);
  EXPECT_EQ(records[2].discontinuity_sequence, 8U);
  EXPECT_EQ(timeline.target_duration_s(), 4U);
}

TEST(Timeline, BeginsWithoutADiscontinuityWhereNothingIsKnown) {
  Timeline timeline = make_timeline(true, true, first_numbers(kStarted, Epoch{7}));
  const SampleRecord record = timeline.place({kVideoTrack, 0, 0, true, 0, kStarted});
  EXPECT_EQ(record.media_sequence, 3'400'000'000U) << "half seconds of the wall clock";
  EXPECT_EQ(record.discontinuity_sequence, 7U * 256);
  EXPECT_EQ(record.flags & kSampleDiscontinuity, 0);
}

// One track is silent for long, the other is behind or ahead of it on the wire as ever: both stay where their
// stamps say, on one timeline.
TEST(Timeline, KeepsSoundWithPictureOverALongPauseOfOneOfThem) {
  struct Step {
    std::int64_t arrives_ms;
    std::uint8_t track;
    std::uint32_t stamp_ms;
  };
  for (const std::uint8_t paused : {kVideoTrack, kAudioTrack}) {
    for (const std::int64_t sound_late_ms : {-1000, -400, 0, 300, 1000}) {
      for (const std::int64_t pause_ms : {8'000, 9'980, 10'020, 11'000, 60'000}) {
        std::vector<Step> steps;
        for (std::int64_t at = 0; at < 90'000; at += 20) {
          for (const std::uint8_t track : {kVideoTrack, kAudioTrack}) {
            if (track == paused && at > 5000 && at < 5000 + pause_ms) continue;
            steps.push_back({at + (track == kAudioTrack ? sound_late_ms : 0), track,
                             static_cast<std::uint32_t>(at + 2000)});
          }
        }
        std::stable_sort(steps.begin(), steps.end(),
                         [](const Step& a, const Step& b) { return a.arrives_ms < b.arrives_ms; });
        Timeline timeline = make_timeline();
        for (const Step& step : steps) {
          const SampleRecord record = timeline.place({step.track, step.stamp_ms, 0, true, 0, {}});
          ASSERT_EQ(record.wire_timestamp_ms, step.stamp_ms) << sound_late_ms << ' ' << pause_ms;
        }
        ASSERT_EQ(timeline.jumps(), 0U);
      }
    }
  }
}

// Both tracks' clock leaps, by a little more than a gap may be for one of them and a little less for the
// other.
TEST(Timeline, MovesBothTracksToANewMappingOrNone) {
  for (const std::int64_t leap_ms : {-700, -520, 9'990, 10'010, 10'500, 30'000}) {
    for (const std::uint8_t first : {kVideoTrack, kAudioTrack}) {
      Timeline timeline = make_timeline();
      const auto place = [&](std::uint8_t track, std::int64_t at) {
        return timeline.place({track, static_cast<std::uint32_t>(at), 0, true, 0, {}}).wire_timestamp_ms - at;
      };
      const std::uint8_t second = first == kVideoTrack ? kAudioTrack : kVideoTrack;
      for (std::int64_t at = 5000; at < 8000; at += 20) {
        place(first, at);
        place(second, at - 15);
      }
      std::array<std::int64_t, 2> offsets{};
      for (std::int64_t at = 8000 + leap_ms; at < 12'000 + leap_ms; at += 20) {
        offsets[0] = place(first, at);
        offsets[1] = place(second, at - 15);
      }
      EXPECT_EQ(offsets[0], offsets[1]) << leap_ms << " first " << int{first};
    }
  }
}

TEST(Timeline, MarksWhatIsMissingInBothTracksAsABreak) {
  Timeline timeline = make_timeline(true, true, {true, Epoch{3}, 41, 7, 2000, 2});
  std::string in;
  for (int at = 0; at < 2000; at += 40) in += (at == 0 ? "K" : "v") + std::to_string(at) + " ";
  place_all(timeline, in + "K2000 v2040 v2080");
  EXPECT_EQ(draw(place_all(timeline, "v7000 v7040")), "v7000|^ v7040");
}

// An encoder whose clock is fast or slow by as much as quartz is: the dates stay with the server's.
TEST(Timeline, FollowsTheWallClockWithoutABreak) {
  for (const std::int64_t ppm : {-5000, -100, 0, 100, 5000}) {
    Timeline timeline = make_timeline();
    std::int64_t late_us = 0;
    WallTime last;
    for (std::int64_t second = 0; second < 86'400; ++second) {
      const WallTime wall = kStarted + second * 1'000'000 + second * ppm + (second % 7) * 20'000;
      const SampleRecord record =
          timeline.place({kVideoTrack, static_cast<std::uint32_t>(second * 1000), 0, true, 0, wall});
      late_us = wall - record.presented_wall;
      if (second > 0) {
        ASSERT_NEAR(static_cast<double>(record.presented_wall - last), 1e6, 10'000);
        ASSERT_EQ(record.discontinuity_sequence, 1U);
      }
      last = record.presented_wall;
    }
    EXPECT_LT(std::abs(late_us), 400'000) << ppm;
    if (std::abs(ppm) <= 100) {
      EXPECT_LT(std::abs(late_us), 130'000) << ppm << ": the network's jitter";
    }
  }
}

// What an encoder had waiting when it began comes at once: its first sample is the latest one.
TEST(Timeline, TakesTheDateOfTheFirstSegmentsPromptestSample) {
  struct Case {
    const char* what;
    std::int64_t backlog_us;
    std::int64_t expected_us;  // how much earlier the second segment's dates are
  };
  for (const Case& c : {Case{"none", 0, 0}, Case{"a second", 1'000'000, 1'000'000},
                        Case{"all of it at once", 3'000'000, 1'960'000}}) {
    Timeline timeline = make_timeline();
    const auto place = [&](std::int64_t ms) {
      const WallTime wall = kStarted + std::max<std::int64_t>(ms * 1000 - c.backlog_us, 0);
      return timeline.place({kVideoTrack, static_cast<std::uint32_t>(ms), 0, ms % 2000 == 0, 0, wall});
    };
    for (std::int64_t ms = 0; ms < 2000; ms += 40)
      ASSERT_EQ(place(ms).presented_wall, kStarted + ms * 1000) << c.what;
    const WallTime second = place(2000).presented_wall;
    EXPECT_EQ(second, kStarted + 2'000'000 - c.expected_us) << c.what;
    for (std::int64_t ms = 2040; ms < 4000; ms += 40) place(ms);
    EXPECT_NEAR(static_cast<double>(place(4000).presented_wall - second), 2e6, 10'000)
        << c.what << ": slowly then";
  }
}

TEST(Timeline, MapsToTheWallClockSmoothly) {
  Timeline timeline = make_timeline();
  // Samples arrive unevenly, dates stay even.
  EXPECT_EQ(timeline.place({kVideoTrack, 1000, 0, true, 0, kStarted}).presented_wall, kStarted);
  EXPECT_EQ(timeline.place({kVideoTrack, 1040, 0, false, 0, kStarted + 95'000}).presented_wall,
            kStarted + 40'000);
  EXPECT_EQ(timeline.place({kAudioTrack, 1000, 0, false, 0, kStarted + 96'000}).presented_wall, kStarted);
  // A break takes the wall clock again ...
  EXPECT_EQ(timeline.place({kVideoTrack, 500'000, 0, true, 0, kStarted + 900'000}).presented_wall,
            kStarted + 900'000);
  // ... but does not go back with it.
  EXPECT_EQ(timeline.place({kVideoTrack, 0, 0, true, 0, kStarted - 3'600'000'000}).presented_wall,
            kStarted + 940'000);
}

}  // namespace
}  // namespace millrace::media
