#include "media/part_target.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

namespace millrace::media {
namespace {

constexpr std::int64_t kNs = 1'000'000'000;
constexpr PartWish kThird{333'000, 2'000'000};

// Steps of pictures as RTMP's milliseconds tell them, over two seconds.
TrackSteps pictures(double rate, double phase = 0) {
  TrackSteps track;
  track.picture = true;
  const auto at_ms = [&](int frame) { return std::llround(frame * 1000 / rate + phase); };
  for (int frame = 1; at_ms(frame) <= 2000; ++frame)
    track.steps_ns.push_back((at_ms(frame) - at_ms(frame - 1)) * 1'000'000);
  return track;
}

TrackSteps frames(std::int64_t samples, std::int64_t rate) {
  TrackSteps track;
  track.counted = true;
  track.steps_ns.assign(static_cast<std::size_t>(2 * rate / samples), samples * kNs / rate);
  return track;
}

TrackSteps steps_ms(const std::vector<std::int64_t>& steps, std::size_t count) {
  TrackSteps track;
  track.picture = true;
  for (std::size_t i = 0; i < count; ++i) track.steps_ns.push_back(steps[i % steps.size()] * 1'000'000);
  return track;
}

struct Case {
  const char* name;
  PartWish wish;
  std::vector<TrackSteps> tracks;
  std::uint32_t target_ms;
};

void PrintTo(const Case& one, std::ostream* out) {
  *out << one.name;
}

class PartTarget : public testing::TestWithParam<Case> {};

TEST_P(PartTarget, IsWholeFramesOfAllTracks) {
  EXPECT_EQ(fitting_part_target_us(GetParam().wish, GetParam().tracks), GetParam().target_ms * 1000);
}

INSTANTIATE_TEST_SUITE_P(
    Rates, PartTarget,
    testing::Values(Case{"Of10", kThird, {pictures(10), frames(1024, 48'000)}, 302},
                    Case{"Of15", kThird, {pictures(15), frames(1024, 48'000)}, 336},
                    Case{"Of23976", kThird, {pictures(24 / 1.001), frames(1024, 48'000)}, 336},
                    Case{"Of24", kThird, {pictures(24), frames(1024, 44'100)}, 336},
                    Case{"Of25", kThird, {pictures(25), frames(1024, 44'100)}, 322},
                    Case{"Of2997", kThird, {pictures(30 / 1.001), frames(1024, 48'000)}, 336},
                    Case{"Of30", kThird, {pictures(30), frames(1024, 48'000)}, 336},
                    Case{"Of50", kThird, {pictures(50), frames(1152, 44'100)}, 342},
                    Case{"Of5994", kThird, {pictures(60 / 1.001), frames(960, 48'000)}, 336},
                    Case{"Of60", kThird, {pictures(60), frames(960, 48'000)}, 336},
                    Case{"Of120", kThird, {pictures(120), frames(1024, 22'050)}, 336},
                    Case{"Of2", kThird, {pictures(2), frames(1024, 48'000)}, 502},
                    Case{"Of1", kThird, {pictures(1), frames(1024, 48'000)}, 0},
                    Case{"OfAacAlone", kThird, {frames(1024, 48'000)}, 342},
                    Case{"OfOpusAlone", kThird, {frames(960, 48'000)}, 340},
                    Case{"OfMp3Alone", kThird, {frames(1152, 44'100)}, 340},
                    Case{"OfLongFramesOfFlac", kThird, {pictures(30), frames(4608, 44'100)}, 336}),
    [](const auto& test) { return test.param.name; });

INSTANTIATE_TEST_SUITE_P(
    Wishes, PartTarget,
    testing::Values(Case{"Off", {0, 2'000'000}, {pictures(30)}, 0}, Case{"NoTracks", kThird, {}, 0},
                    Case{"Tenth", {100'000, 2'000'000}, {pictures(30)}, 102},
                    // 102 ms would be filled to 84 % by four frames of sound.
                    Case{"TenthWithSound", {100'000, 2'000'000}, {pictures(60), frames(1024, 48'000)}, 86},
                    Case{"Second", {1'000'000, 2'000'000}, {pictures(25), frames(1024, 48'000)}, 1002},
                    Case{"NoLongerThanSegments", {2'000'000, 2'000'000}, {pictures(25)}, 1962},
                    Case{"NothingInShortSegments", {2'000'000, 500'000}, {pictures(25)}, 0}),
    [](const auto& test) { return test.param.name; });

constexpr PartWish kOfTwoSeconds{333'000, 2'000'000, 2'000'000};

INSTANTIATE_TEST_SUITE_P(
    Tails, PartTarget,
    testing::Values(
        Case{"Of30And48kHz", kOfTwoSeconds, {pictures(30), frames(1024, 48'000)}, 342},
        Case{"Of25And48kHz", kOfTwoSeconds, {pictures(25), frames(1024, 48'000)}, 362},
        Case{"Of60And44kHz", kOfTwoSeconds, {pictures(60), frames(1024, 44'100)}, 352},
        Case{"Of30AndOpus", kOfTwoSeconds, {pictures(30), frames(960, 48'000)}, 340},
        Case{"PicturesAlone", kOfTwoSeconds, {pictures(30)}, 336},
        Case{"SoundAlone", kOfTwoSeconds, {frames(1024, 48'000)}, 342},
        Case{"OfOneSecond", {333'000, 1'000'000, 1'000'000}, {pictures(30), frames(1024, 48'000)}, 342},
        Case{"NoOtherWay", {100'000, 1'000'000, 1'000'000}, {pictures(10), frames(1024, 48'000)}, 107}),
    [](const auto& test) { return test.param.name; });

// The last part of each segment of sound is one that players don't take for a hole.
TEST(PartTargets, LeaveNoShortTails) {
  for (const double rate : {24.0, 25.0, 30 / 1.001, 30.0, 50.0, 60.0}) {
    for (const std::int64_t sampling : {44'100, 48'000}) {
      for (const std::int64_t segment_us : {2'000'000, 4'000'000}) {
        const double frame_us = 1024e6 / static_cast<double>(sampling);
        const double target_us = fitting_part_target_us({333'000, 2'000'000, segment_us},
                                                        {pictures(rate), frames(1024, sampling)});
        ASSERT_GT(target_us, 0);
        const auto in_part = static_cast<std::int64_t>(target_us / frame_us);
        const auto in_segment = static_cast<std::int64_t>(static_cast<double>(segment_us) / frame_us);
        for (const std::int64_t count : {in_segment, in_segment + 1}) {
          const double tail_us = static_cast<double>(count % in_part) * frame_us;
          EXPECT_TRUE(tail_us == 0 || tail_us >= 120'000)
              << rate << ' ' << sampling << ' ' << segment_us << ' ' << target_us;
        }
      }
    }
  }
}

TrackSteps one_missing(double rate) {
  TrackSteps track = pictures(rate);
  track.steps_ns[7] *= 2;
  return track;
}

TrackSteps only_one(std::int64_t waited_ms) {
  TrackSteps track;
  track.picture = true;
  track.waited_ns = waited_ms * 1'000'000;
  return track;
}

INSTANTIATE_TEST_SUITE_P(
    Uneven, PartTarget,
    testing::Values(Case{"FineOnesTakeWhatIsWanted", kThird, {steps_ms({33, 50, 17}, 60)}, 334},
                    Case{"CoarseOnesTakeMore", kThird, {steps_ms({33, 80}, 40)}, 534},
                    Case{"VeryCoarseOnesHaveNone", kThird, {steps_ms({33, 120}, 40)}, 0},
                    Case{"OneMissingPictureIsNoMatter", kThird, {one_missing(15)}, 336},
                    Case{"PullDownIsUneven", kThird, {steps_ms({33, 50}, 48), frames(1024, 48'000)}, 334},
                    Case{"ShakenOnes", kThird, {steps_ms({31, 36, 33, 30, 35}, 60)}, 335},
                    Case{"APictureThatHasJustBegun", kThird, {only_one(200), frames(1024, 48'000)}, 333},
                    Case{"APictureThatStays", kThird, {only_one(1900), frames(1024, 48'000)}, 0},
                    Case{"TwoPictures", kThird, {pictures(30), pictures(12)}, 336},
                    Case{"TwoPicturesThatFitNowhere", {100'000, 2'000'000}, {pictures(30), pictures(7)}, 0}),
    [](const auto& test) { return test.param.name; });

// Whatever the phase of the stamps' rounding is, so many frames fit and one more does not.
TEST(PartTargets, FitWholeFramesAtAnyPhase) {
  for (const double rate :
       {10.0, 15.0, 24 / 1.001, 24.0, 25.0, 30 / 1.001, 30.0, 50.0, 60 / 1.001, 60.0, 120.0}) {
    for (int phase = 0; phase < 20; ++phase) {
      for (const std::uint32_t wanted_ms : {100U, 200U, 333U, 500U, 1000U}) {
        const double target_us =
            fitting_part_target_us({wanted_ms * 1000, 2'000'000}, {pictures(rate, phase / 20.0)});
        const double frame_us = 1e6 / rate;
        const double fit = std::floor(target_us / frame_us);
        EXPECT_GE(target_us, fit * frame_us + 1000) << rate << ' ' << phase << ' ' << wanted_ms;
        EXPECT_GE(fit * frame_us, 0.85 * target_us) << rate << ' ' << phase << ' ' << wanted_ms;
        EXPECT_GE(target_us, wanted_ms * 500) << rate << ' ' << phase << ' ' << wanted_ms;
        EXPECT_LE(target_us, wanted_ms * 2000) << rate << ' ' << phase << ' ' << wanted_ms;
      }
    }
  }
}

TEST(FirstFrames, TakeStepsOfEachTrackByItsOwnClock) {
  FirstFrames first;
  for (int frame = 0; frame < 60; ++frame) first.add({kVideoTrack, true, true, 90'000, frame * 3000, 0});
  for (int frame = 0; frame < 90; ++frame) first.add({kAudioTrack, false, true, 48'000, frame * 1024, 1024});
  EXPECT_EQ(first.choose(kThird, 2'000'000), 335'000U) << "ten pictures, whose times are exact";
  EXPECT_EQ(first.choose(kThird, 2'000'000), 0U) << "they are forgotten";
}

TEST(FirstFrames, PassOverJumpsAndChangesOfTheTimescale) {
  FirstFrames first;
  for (int frame = 0; frame < 9; ++frame) {
    const bool jumps = frame % 2 == 1;
    first.add({kVideoTrack, true, !jumps, 90'000, frame * 3600 + (frame + 1) / 2 * 900'000, 0});
  }
  first.add({kVideoTrack, true, true, 1000, 10, 0});
  EXPECT_EQ(first.choose(kThird, 2'000'000), 323'000U) << "eight pictures of 40 ms";
}

TEST(FirstFrames, JudgeALonePictureByHowLongItStays) {
  for (const std::int64_t now_us : {1'100'000, 2'000'000}) {
    FirstFrames first;
    first.add({kVideoTrack, true, true, 90'000, 90'000, 0});
    for (int frame = 0; frame < 90; ++frame)
      first.add({kAudioTrack, false, true, 48'000, frame * 1024, 1024});
    EXPECT_EQ(first.choose(kThird, now_us) != 0, now_us == 1'100'000);
  }
}

}  // namespace
}  // namespace millrace::media
