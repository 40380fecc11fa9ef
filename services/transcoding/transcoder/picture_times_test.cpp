#include "picture_times.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace millrace::transcoding {
namespace {

constexpr std::int64_t kStep = 3000;
constexpr SourceTargets kTargets{2, 333'000};

media::SampleRecord record_of(int decoded, int shown, std::uint64_t segment,
                              std::uint32_t discontinuity = 7) {
  media::SampleRecord record{};
  record.dts = decoded * kStep;
  record.composition_offset = static_cast<std::int32_t>((shown - decoded) * kStep);
  record.presented_wall = WallTime::from_us(1'000'000'000 + decoded * 33'333);
  record.wire_timestamp_ms = static_cast<std::uint32_t>(decoded * 100 / 3);
  record.origin_arrival_us = 5'000'000 + decoded;
  record.media_sequence = segment;
  record.discontinuity_sequence = discontinuity;
  return record;
}

struct Taken {
  int shown;
  std::uint64_t segment;
  bool first;
  bool operator==(const Taken&) const = default;
};

std::vector<Taken> take_all(PictureTimes& times, int begin, int end) {
  std::vector<Taken> all;
  for (int shown = begin; shown < end; ++shown) {
    if (const auto note = times.take(shown * kStep))
      all.push_back({shown, note->media_sequence, note->first});
  }
  return all;
}

TEST(PictureTimes, BeginASegmentWhereItsKeyFrameIsShown) {
  PictureTimes times;
  times.add(record_of(0, 0, 10), kTargets);
  times.add(record_of(1, 2, 10), kTargets);
  times.add(record_of(2, 1, 10), kTargets);
  times.add(record_of(3, 3, 11), kTargets);
  times.add(record_of(4, 4, 11), kTargets);
  EXPECT_EQ(
      take_all(times, 0, 5),
      (std::vector<Taken>{{0, 10, true}, {1, 10, false}, {2, 10, false}, {3, 11, true}, {4, 11, false}}));
  EXPECT_EQ(times.left_out(), 0U);
}

TEST(PictureTimes, LeaveWhatAnOpenGroupShowsBeforeItsKeyFrameToTheSegmentBefore) {
  PictureTimes times;
  times.add(record_of(0, 0, 10), kTargets);
  times.add(record_of(1, 3, 11), kTargets);  // the key frame
  times.add(record_of(2, 1, 11), kTargets);
  times.add(record_of(3, 2, 11), kTargets);
  EXPECT_EQ(take_all(times, 0, 4),
            (std::vector<Taken>{{0, 10, true}, {1, 10, false}, {2, 10, false}, {3, 11, true}}));
}

TEST(PictureTimes, BeginASegmentLateWhereItsFirstPictureWasLost) {
  PictureTimes times;
  for (int i = 0; i < 6; ++i) times.add(record_of(i, i, i < 3 ? 10 : 11), kTargets);
  EXPECT_EQ(take_all(times, 0, 2).size(), 2U);
  EXPECT_EQ(take_all(times, 4, 6), (std::vector<Taken>{{4, 11, true}, {5, 11, false}}));
  EXPECT_EQ(times.left_out(), 2U);
}

TEST(PictureTimes, PassOverSegmentsOfWhichNothingCame) {
  PictureTimes times;
  times.add(record_of(0, 0, 10), kTargets);
  times.add(record_of(1, 1, 11), kTargets);
  times.add(record_of(2, 2, 14, 8), kTargets);
  EXPECT_EQ(take_all(times, 2, 3), (std::vector<Taken>{{2, 14, true}}));
}

TEST(PictureTimes, CarryTheSourcesClocks) {
  PictureTimes times;
  times.add(record_of(0, 0, 10), kTargets);
  times.add(record_of(1, 3, 10), kTargets);
  const auto first = times.take(0);
  const auto note = times.take(3 * kStep);
  ASSERT_TRUE(first && note);
  EXPECT_EQ(note->presented, WallTime::from_us(1'000'000'000 + 33'333 + 66'666));
  EXPECT_EQ(note->wire_timestamp_ms, 33U + 66U);
  EXPECT_EQ(note->origin_arrival_us, 5'000'001);
  EXPECT_EQ(note->discontinuity_sequence, 7U);
  EXPECT_EQ(note->targets.part_target_us, 333'000U);
}

TEST(PictureTimes, SayWhereTheSourceBreaks) {
  PictureTimes times;
  media::SampleRecord broken = record_of(1, 1, 11, 8);
  broken.flags = media::kSampleDiscontinuity;
  times.add(record_of(0, 0, 10), kTargets);
  times.add(broken, kTargets);
  EXPECT_FALSE(times.take(0)->discontinuity);
  const auto note = times.take(kStep);
  EXPECT_TRUE(note->discontinuity && note->first);
  EXPECT_EQ(note->discontinuity_sequence, 8U);
}

TEST(PictureTimes, RefuseWhatHasNoPlaceInTime) {
  PictureTimes times;
  EXPECT_FALSE(times.take(0));
  times.add(record_of(0, 1, 10), kTargets);
  times.add(record_of(1, 0, 10), kTargets);
  EXPECT_FALSE(times.take(0)) << "before the first segment begins";
  EXPECT_TRUE(times.take(kStep));
  EXPECT_FALSE(times.take(kStep)) << "twice";
  EXPECT_FALSE(times.take(5 * kStep)) << "never sent";
}

// 24 bits of milliseconds.
constexpr std::int32_t kAbsurd = ((1 << 23) - 1) * 90;

media::SampleRecord displaced(int decoded, std::int32_t offset, std::uint64_t segment) {
  media::SampleRecord record = record_of(decoded, decoded, segment);
  record.composition_offset = offset;
  return record;
}

TEST(PictureTimes, GiveNoPlaceToAnAbsurdTimeAndGoOnWithTheNextPicture) {
  for (const std::int32_t offset :
       {kAbsurd, -kAbsurd, static_cast<std::int32_t>(PictureTimes::kMostOffset) + 1}) {
    PictureTimes times;
    times.add(record_of(0, 0, 10), kTargets);
    times.add(displaced(1, offset, 10), kTargets);
    times.add(record_of(2, 2, 10), kTargets);
    EXPECT_TRUE(times.take(0));
    EXPECT_FALSE(times.take(kStep + offset)) << offset;
    EXPECT_EQ(take_all(times, 2, 3), (std::vector<Taken>{{2, 10, false}})) << offset;
    EXPECT_EQ(times.left_out(), 1U);
  }
}

TEST(PictureTimes, BeginASegmentWithItsNextPictureWhereTheFirstHasAnAbsurdTime) {
  for (const std::int32_t offset : {kAbsurd, -kAbsurd}) {
    PictureTimes times;
    times.add(record_of(0, 0, 10), kTargets);
    times.add(displaced(1, offset, 11), kTargets);
    times.add(record_of(2, 2, 11), kTargets);
    times.add(record_of(3, 3, 12), kTargets);
    EXPECT_EQ(take_all(times, 0, 1).size(), 1U);
    EXPECT_FALSE(times.take(kStep + offset)) << offset;
    EXPECT_EQ(take_all(times, 2, 4), (std::vector<Taken>{{2, 11, true}, {3, 12, true}})) << offset;
  }
}

TEST(PictureTimes, KeepTheirPlacesBesideManyAbsurdTimes) {
  PictureTimes times;
  times.add(record_of(0, 0, 10), kTargets);
  for (int i = 1; i < 300; ++i) times.add(displaced(i, kAbsurd, 10), kTargets);
  times.add(record_of(300, 300, 10), kTargets);
  EXPECT_EQ(take_all(times, 300, 301), (std::vector<Taken>{{300, 10, true}}));
}

TEST(PictureTimes, AreBounded) {
  PictureTimes times;
  for (int i = 0; i < 1000; ++i) times.add(record_of(i, i, static_cast<std::uint64_t>(10 + i)), kTargets);
  EXPECT_EQ(times.left_out(), 1000 - PictureTimes::kMaxWaiting);
  EXPECT_TRUE(times.take(999 * kStep)->first);
}

TEST(Decimator, CountsAnewFromEachSegmentsFirst) {
  Decimator half(2);
  std::vector<bool> kept;
  for (const bool first : {true, false, false, true, false, false, false, true})
    kept.push_back(half.keeps(first));
  EXPECT_EQ(kept, (std::vector<bool>{true, false, true, true, false, true, false, true}));
  Decimator all(1);
  EXPECT_TRUE(all.keeps(true) && all.keeps(false) && all.keeps(false));
}

}  // namespace
}  // namespace millrace::transcoding
