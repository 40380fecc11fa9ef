#include "rendition_times.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace millrace::transcoding {
namespace {

constexpr std::int64_t kStep = 3000;  // 33.3 ms
constexpr std::uint32_t kPartTargetUs = 336'000;

SourceNote note_of(int shown, std::uint64_t segment, bool first) {
  SourceNote note;
  note.pts = shown * kStep;
  note.media_sequence = segment;
  note.discontinuity_sequence = 7;
  note.first = first;
  note.presented = WallTime::from_us(1'000'000'000 + shown * 33'333);
  note.wire_timestamp_ms = static_cast<std::uint32_t>(1000 + shown * 100 / 3);
  note.origin_arrival_us = 4'000'000;
  return note;
}

TEST(RenditionTimes, HaveTheSourcesPresentationAndTheirOwnDecoding) {
  RenditionTimes times({}, 0);
  const media::SampleRecord record = times.place(note_of(3, 10, true), kStep, 9'000'000);
  EXPECT_EQ(record.dts, kStep);
  EXPECT_EQ(record.composition_offset, 2 * kStep);
  EXPECT_EQ(record.presented_wall + 66'666, WallTime::from_us(1'000'000'000 + 99'999));
  EXPECT_EQ(record.wire_timestamp_ms, 1100U - 66U);
  EXPECT_EQ(record.arrival_us, 9'000'000);
  EXPECT_EQ(record.origin_arrival_us, 4'000'000);
  EXPECT_EQ(record.media_sequence, 10U);
  EXPECT_EQ(record.discontinuity_sequence, 7U);
  EXPECT_EQ(record.part, 0U);
}

TEST(RenditionTimes, MarkSegmentsAndBreaks) {
  RenditionTimes times({}, 0);
  EXPECT_EQ(times.place(note_of(0, 10, true), 0, 0).flags, media::kSampleSegmentStart);
  EXPECT_EQ(times.place(note_of(1, 10, false), kStep, 0).flags, 0);
  EXPECT_EQ(times.place(note_of(2, 11, true), 2 * kStep, 0).flags, media::kSampleSegmentStart);
  SourceNote broken = note_of(3, 12, true);
  broken.discontinuity_sequence = 8;
  EXPECT_EQ(times.place(broken, 3 * kStep, 0).flags,
            media::kSampleSegmentStart | media::kSampleDiscontinuity);
}

TEST(RenditionTimes, BeginWithABreakOnlyWhereTheSourceHasOne) {
  SourceNote note = note_of(0, 10, true);
  EXPECT_EQ(RenditionTimes({}, 0).place(note, 0, 0).flags, media::kSampleSegmentStart);
  note.discontinuity = true;
  EXPECT_EQ(RenditionTimes({}, 0).place(note, 0, 0).flags,
            media::kSampleSegmentStart | media::kSampleDiscontinuity);
}

TEST(RenditionTimes, NeverDecodeBackwards) {
  RenditionTimes times({}, 0);
  EXPECT_EQ(times.place(note_of(5, 10, true), 5 * kStep, 0).dts, 5 * kStep);
  const media::SampleRecord record = times.place(note_of(6, 10, false), 2 * kStep, 0);
  EXPECT_EQ(record.dts, 5 * kStep + 1);
  EXPECT_EQ(record.dts + record.composition_offset, 6 * kStep);
}

TEST(RenditionTimes, CutPartsOfTheirOwn) {
  RenditionTimes times({}, kPartTargetUs);
  std::vector<std::uint32_t> parts;
  for (int i = 0; i < 25; ++i)
    parts.push_back(times.place(note_of(i, i < 12 ? 10 : 11, i % 12 == 0), i * kStep, 0).part);
  // Ten pictures, the two that are left of the segment, ten, three.
  EXPECT_EQ(parts[9], 1U);
  EXPECT_EQ(parts[10], 2U);
  EXPECT_EQ(parts[11], 2U);
  EXPECT_EQ(parts[12], 3U);
  EXPECT_EQ(parts[22], 4U);
}

TEST(RenditionTimes, CutPartsOfSoundByItsFrames) {
  RenditionTimes times({media::kAudioTrack, false, 48'000, 1024}, kPartTargetUs);
  std::uint32_t part = 0;
  for (int i = 0; i < 16; ++i) {
    SourceNote note = note_of(0, 10, i == 0);
    note.pts = i * 1024;
    part = times.place(note, note.pts, 0).part;
    EXPECT_EQ(part, i < 15 ? 1U : 2U) << i;
  }
}

TEST(RenditionTimes, HavePartsOnceTheSourceHasFixedThem) {
  RenditionTimes times({}, 0);
  EXPECT_EQ(times.place(note_of(0, 10, true), 0, 0).part, 0U);
  times.fix_part_target(kPartTargetUs);
  EXPECT_EQ(times.place(note_of(1, 11, true), kStep, 0).part, 1U);
}

}  // namespace
}  // namespace millrace::transcoding
