#include "publication/gap_writer.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "media/arena_reader.hpp"

namespace millrace::publication {
namespace {

constexpr WallTime kWall = WallTime::from_us(1'700'000'000'000'000);
constexpr std::int64_t kBegan = 5'000'000;

media::StreamContinuation known(std::uint32_t part_us) {
  media::StreamContinuation numbers;
  numbers.found = true;
  numbers.epoch = Epoch{3};
  numbers.last_media_sequence = 100;
  numbers.last_discontinuity_sequence = 7;
  numbers.segment_target_ms = 2000;
  numbers.target_duration_s = 2;
  numbers.part_target_us = part_us;
  return numbers;
}

TEST(GapPieces, AreEvenAndFillASegment) {
  const struct {
    std::uint32_t segment_ms, part_us;
    std::int64_t length_us;
    std::uint32_t count;
    bool parts;
  } table[] = {{2000, 0, 2'000'000, 1, false},       {2000, 342'000, 333'333, 6, true},
               {2000, 333'000, 285'714, 7, true},    {2000, 500'000, 500'000, 4, true},
               {500, 500'000, 500'000, 1, true},     {500, 900'000, 500'000, 1, true},
               {30'000, 100'000, 100'000, 300, true}};
  for (const auto& row : table) {
    media::StreamContinuation stream = known(row.part_us);
    stream.segment_target_ms = row.segment_ms;
    const GapPieces pieces = GapPieces::of(stream);
    EXPECT_EQ(pieces.length_us, row.length_us) << row.segment_ms << ' ' << row.part_us;
    EXPECT_EQ(pieces.in_segment, row.count) << row.segment_ms << ' ' << row.part_us;
    EXPECT_EQ(pieces.are_parts, row.parts) << row.segment_ms << ' ' << row.part_us;
  }
}

class GapWriterTest : public ::testing::Test {
 protected:
  GapWriterTest() {
    std::string path = "/tmp/millrace-gap-XXXXXX";
    directory_ = ::mkdtemp(path.data());
    arena_ = std::move(*media::ArenaWriter::open({directory_, "test", 32U << 20, 256U << 10, 16}));
    reader_ = std::move(*media::ArenaReader::open(directory_, "test", "test"));
  }
  ~GapWriterTest() override {
    gap_.reset();
    std::filesystem::remove_all(directory_);
  }

  void begin(std::uint32_t part_us) {
    media::LogDescription description;
    description.stream_id = "cam";
    description.role = media::LogRole::kSlate;
    description.publication_id = PublicationId{8};
    description.origin_publication_id = PublicationId{7};
    description.numbers = known(part_us);
    description.epoch = Epoch{3};
    description.retention.guaranteed_bytes = 0;
    description.retention.max_bytes = 0;
    gap_.emplace(std::move(*arena_->create_log(description)), kBegan, kWall);
  }
  std::uint64_t advance(std::int64_t after_us) { return gap_->advance(kBegan + after_us).value(); }
  std::vector<media::SampleRecord> records() {
    std::vector<media::SampleRecord> all;
    auto log = reader_->open_log(gap_->log().slot(), PublicationId{8}, 0);
    for (std::uint64_t at = 0; at < gap_->log().committed(); ++at) all.push_back(log->at(at)->record);
    return all;
  }

  std::string directory_;
  std::unique_ptr<media::ArenaWriter> arena_;
  std::unique_ptr<media::ArenaReader> reader_;
  std::optional<GapWriter> gap_;
};

TEST_F(GapWriterTest, WritesAPieceWhenItIsOver) {
  begin(500'000);
  EXPECT_EQ(gap_->due_us(), kBegan + 500'000);
  EXPECT_EQ(advance(499'999), 0U);
  EXPECT_EQ(advance(500'000), 1U);
  EXPECT_EQ(advance(500'000), 0U);
  EXPECT_EQ(gap_->due_us(), kBegan + 1'000'000);
  EXPECT_EQ(advance(2'700'000), 4U);
  const auto all = records();
  ASSERT_EQ(all.size(), 5U);
  for (std::size_t i = 0; i < all.size(); ++i) {
    const media::SampleRecord& record = all[i];
    EXPECT_TRUE(media::is_gap(record.flags));
    EXPECT_EQ(record.gap_us, 500'000U);
    EXPECT_EQ(record.size, 0U);
    EXPECT_EQ(record.part, i + 1);
    EXPECT_EQ(record.media_sequence, 101 + i / 4);
    EXPECT_EQ(record.discontinuity_sequence, 7U);
    EXPECT_EQ(record.presented_wall, kWall + static_cast<std::int64_t>(i) * 500'000);
    EXPECT_EQ(record.arrival_us, kBegan + static_cast<std::int64_t>(i + 1) * 500'000);
    EXPECT_EQ((record.flags & media::kSampleSegmentStart) != 0, i % 4 == 0) << i;
    EXPECT_EQ((record.flags & media::kSampleSegmentEnd) != 0, i % 4 == 3) << i;
  }
  EXPECT_EQ(gap_->media_sequence(), 102U);
  EXPECT_EQ(gap_->parts(), 5U);
}

TEST_F(GapWriterTest, WritesWholeSegmentsOfAStreamWithoutParts) {
  begin(0);
  EXPECT_EQ(advance(4'500'000), 2U);
  for (const media::SampleRecord& record : records()) {
    EXPECT_EQ(record.part, 0U);
    EXPECT_EQ(record.gap_us, 2'000'000U);
    EXPECT_NE(record.flags & media::kSampleSegmentStart, 0);
    EXPECT_NE(record.flags & media::kSampleSegmentEnd, 0);
  }
  EXPECT_EQ(gap_->media_sequence(), 102U);
  EXPECT_EQ(gap_->parts(), 0U);
}

TEST_F(GapWriterTest, LeavesOutWhatAStoppedWriterWouldHaveToCatchUpWith) {
  begin(500'000);
  const std::uint64_t written = advance(3'600'000'000);
  EXPECT_EQ(written, static_cast<std::uint64_t>(GapWriter::kMostAtOnce));
  EXPECT_EQ(gap_->due_us(), kBegan + 3'600'500'000);
  EXPECT_EQ(records().front().media_sequence, 101U);
}

TEST_F(GapWriterTest, TakesNoMoreOfTheArenaThanAnIndex) {
  const std::uint64_t free = arena_->statistics().free_bytes;
  begin(500'000);
  EXPECT_GT(advance(30'000'000), 50U);
  EXPECT_EQ(free - arena_->statistics().free_bytes, 2U * (256U << 10));
}

TEST_F(GapWriterTest, HandsItsNumbersOnToTheSource) {
  begin(500'000);
  (void)advance(2'200'000);
  gap_->finish(media::LogEnd::kTakenOver);
  const media::StreamContinuation numbers = arena_->continuation({.stream_id = "cam"});
  EXPECT_TRUE(numbers.found);
  EXPECT_EQ(numbers.last_media_sequence, 101U);
  EXPECT_EQ(numbers.last_discontinuity_sequence, 7U);
  EXPECT_EQ(numbers.target_duration_s, 2U);
  EXPECT_EQ(numbers.part_target_us, 500'000U);
  EXPECT_FALSE(gap_->advance(kBegan + 10'000'000));
}

}  // namespace
}  // namespace millrace::publication
