#include "sound_times.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace millrace::transcoding {
namespace {

constexpr std::uint32_t kTimescale = 48'000;

media::SampleRecord record_of(std::int64_t dts, std::uint64_t segment) {
  media::SampleRecord record{};
  record.dts = dts;
  record.media_sequence = segment;
  record.discontinuity_sequence = 7;
  record.presented_wall = WallTime::from_us(1'000'000'000 + dts * 1'000'000 / kTimescale);
  record.wire_timestamp_ms = static_cast<std::uint32_t>(dts / 48);
  return record;
}

TEST(SoundTimes, BeginASegmentWithTheFirstFrameThatBeginsInIt) {
  SoundTimes times(kTimescale);
  // Opus: 960 samples a frame; the third one is the first of segment 11.
  for (int i = 0; i < 5; ++i) times.add(record_of(i * 960, i < 2 ? 10 : 11), kTimescale, {});
  EXPECT_FALSE(times.take(-1024)) << "what the encoder begins with";
  std::vector<std::uint64_t> segments;
  std::vector<bool> firsts;
  for (int i = 0; i < 4; ++i) {
    const auto note = times.take(i * 1024);
    ASSERT_TRUE(note);
    segments.push_back(note->media_sequence);
    firsts.push_back(note->first);
  }
  EXPECT_EQ(segments, (std::vector<std::uint64_t>{10, 10, 11, 11}));
  EXPECT_EQ(firsts, (std::vector<bool>{true, false, true, false}));
}

TEST(SoundTimes, GiveTheTimeThatIsHeard) {
  SoundTimes times(kTimescale);
  times.add(record_of(0, 10), kTimescale, {2, 333'000});
  times.add(record_of(960, 10), kTimescale, {2, 333'000});
  const auto note = times.take(1440);
  ASSERT_TRUE(note);
  EXPECT_EQ(note->presented, WallTime::from_us(1'000'000'000 + 30'000));
  EXPECT_EQ(note->wire_timestamp_ms, 30U);
  EXPECT_EQ(note->targets.target_duration_s, 2U);
}

TEST(SoundTimes, CountInTheEncodedSoundsTimescale) {
  SoundTimes times(kTimescale);
  times.add(record_of(44'100, 10), 44'100, {});
  EXPECT_FALSE(times.take(47'999));
  EXPECT_TRUE(times.take(48'000));
}

TEST(SoundTimes, TellABreakOnce) {
  SoundTimes times(kTimescale);
  media::SampleRecord broken = record_of(960, 11);
  broken.flags = media::kSampleDiscontinuity;
  times.add(record_of(0, 10), kTimescale, {});
  times.add(broken, kTimescale, {});
  EXPECT_FALSE(times.take(0)->discontinuity);
  EXPECT_TRUE(times.take(1024)->discontinuity);
  EXPECT_FALSE(times.take(2048)->discontinuity);
}

TEST(SoundTimes, NeverStepBackAndAreBounded) {
  SoundTimes times(kTimescale);
  for (int i = 0; i < 2000; ++i) times.add(record_of(i * 960, 10), kTimescale, {});
  EXPECT_FALSE(times.take(0)) << "pushed out";
  EXPECT_TRUE(times.take(1990 * 960));
  EXPECT_FALSE(times.take(1990 * 960));
  EXPECT_FALSE(times.take(1980 * 960));
  EXPECT_TRUE(times.take(3000 * 960)) << "the end of the last one";
}

}  // namespace
}  // namespace millrace::transcoding
