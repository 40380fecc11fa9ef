// Where a log's timelines begin: kept in its slot for who comes when the records are gone.
#include <gtest/gtest.h>

#include <fstream>

#include "base/clock.hpp"
#include "media/arena_damage.hpp"
#include "media/arena_test_support.hpp"

namespace millrace::media {
namespace {

using testing::append;
using testing::describe;
using testing::record_at;

constexpr WallTime kWall = WallTime::from_us(1'700'000'000'000'000);

class TimelineBeginnings : public testing::ArenaFixture {
 protected:
  void SetUp() override {
    open_writer(64);
    log_ = create(describe("cam", 7));
    add_track(kVideoTrack, TrackKind::kVideo, 90'000);
    add_track(kAudioTrack, TrackKind::kAudio, 48'000);
    add_track(kDataTrack, TrackKind::kData, 1'000);
  }
  void add_track(std::uint8_t track, TrackKind kind, std::uint32_t timescale) {
    TrackConfiguration description{};
    description.track = track;
    description.kind = kind;
    description.codec = kind == TrackKind::kData ? Codec::kData : Codec::kH264;
    description.timescale = timescale;
    configurations_.at(track) = log_->add_configuration(description, {}, Bytes{track}).value();
  }
  void add(std::uint8_t track, std::int64_t dts, std::uint64_t segment, std::uint32_t discontinuity,
           std::int64_t wall_us = 0) {
    SampleRecord record = record_at(1, false, track);
    record.dts = dts;
    record.configuration = configurations_.at(track);
    record.media_sequence = segment;
    record.discontinuity_sequence = discontinuity;
    record.presented_wall = kWall + wall_us;
    ASSERT_TRUE(append(*log_, 7, 900, record));
  }
  std::optional<TimelineBeginning> beginning(std::uint32_t discontinuity) {
    const auto reader = open_reader();
    const auto log = reader->open_log(info_of(*reader, 7).slot, PublicationId{7}, 0);
    return log ? log->timeline(discontinuity) : std::nullopt;
  }

  std::unique_ptr<LogWriter> log_;
  std::array<std::uint32_t, 3> configurations_{};
};

TEST_F(TimelineBeginnings, AreOfWhatIsDecodedFirstInTheFirstSegment) {
  EXPECT_FALSE(beginning(0));
  EXPECT_FALSE(beginning(5));
  add(kDataTrack, 1, 100, 5, 1);
  EXPECT_FALSE(beginning(5)) << "data is nothing that plays";
  add(kVideoTrack, 90'000, 100, 5, 1'000'000);
  EXPECT_EQ(beginning(5), (TimelineBeginning{5, 100, 1'000'000, kWall + 1'000'000}));
  add(kAudioTrack, 47'040, 100, 5, 980'000);
  EXPECT_EQ(beginning(5), (TimelineBeginning{5, 100, 980'000, kWall + 980'000}))
      << "sound before the picture";
  add(kVideoTrack, 93'600, 100, 5, 1'040'000);
  add(kVideoTrack, 1, 101, 5, 11);
  add(kAudioTrack, 1, 101, 5, 21);
  EXPECT_EQ(beginning(5), (TimelineBeginning{5, 100, 980'000, kWall + 980'000})) << "in the first segment";
  add(kAudioTrack, 96'000, 102, 6, 5'000'000);
  EXPECT_EQ(beginning(6), (TimelineBeginning{6, 102, 2'000'000, kWall + 5'000'000}));
  EXPECT_EQ(beginning(5)->media_sequence, 100U);
}

// The first segment's are those of a sample that may have been late (Timeline).
TEST_F(TimelineBeginnings, HaveTheDateThatTheSecondSegmentSays) {
  add(kVideoTrack, 90'000, 100, 5, 1'000'000);
  add(kVideoTrack, 180'000, 100, 5, 2'000'000);
  add(kDataTrack, 3'000, 101, 5, 9'000'000);
  EXPECT_EQ(beginning(5)->wall, kWall + 1'000'000);
  add(kAudioTrack, 144'000, 101, 5, 2'300'000);
  EXPECT_EQ(beginning(5), (TimelineBeginning{5, 100, 1'000'000, kWall + 300'000}));
  add(kVideoTrack, 270'000, 101, 5, 2'310'000);
  add(kVideoTrack, 450'000, 102, 5, 4'320'000);
  EXPECT_EQ(beginning(5)->wall, kWall + 300'000) << "once";
  add(kVideoTrack, 540'000, 103, 6, 7'000'000);
  add(kVideoTrack, 630'000, 104, 6, 7'900'000);
  EXPECT_EQ(beginning(6)->wall, kWall + 6'900'000);
  EXPECT_EQ(beginning(5)->wall, kWall + 300'000);
}

// Which clock the dates are of is the first record's to say.
TEST_F(TimelineBeginnings, HaveTheClockOfTheLog) {
  const auto offset_us = [this] { return info_of(*open_reader(), 7).clock_offset_us; };
  EXPECT_EQ(offset_us(), 0);
  add(kVideoTrack, 90'000, 100, 5, 3'000'000);
  const std::int64_t known_us = offset_us();
  EXPECT_EQ(known_us, kWall.us() + 3'000'000 - record_at(1, false, kVideoTrack).arrival_us);
  for (int i = 1; i < 100; ++i) add(kVideoTrack, 90'000 + i, 101, 6, 3'600'000'000);
  EXPECT_EQ(offset_us(), known_us);
}

TEST_F(TimelineBeginnings, OutliveTheirRecordsAndTheirWriter) {
  add(kVideoTrack, 90'000, 100, 5);
  for (int i = 0; i < 100; ++i) add(kVideoTrack, 90'000 + i, 101, 5);
  const TimelineBeginning before = beginning(5).value();
  log_->end(LogEnd::kDisconnected);
  std::ifstream file(arena_path(directory_.path(), "test"), std::ios::binary);
  const Bytes left(std::istreambuf_iterator<char>(file), {});
  log_.reset();
  writer_.reset();
  testing::write_file(arena_path(directory_.path(), "test"), left);
  open_writer(config_);
  EXPECT_EQ(beginning(5), before);
}

TEST_F(TimelineBeginnings, AreThoseOfTheNewestTimelines) {
  for (std::uint32_t i = 0; i < 20; ++i) add(kVideoTrack, std::int64_t{90'000} * (i + 1), 100 + i, 5 + i);
  for (std::uint32_t i = 0; i < 20; ++i) EXPECT_EQ(beginning(5 + i).has_value(), i >= 4) << i;
  EXPECT_EQ(beginning(24)->media_sequence, 119U);
}

TEST_F(TimelineBeginnings, AreNoLaterLogsInTheSameSlot) {
  add(kVideoTrack, 90'000, 100, 5);
  log_.reset();
  writer_->maintain(monotonic_us() + 3'600'000'000);
  for (std::uint64_t id = 8; id < 16; ++id) {
    log_ = create(describe("other" + std::to_string(id), id));
    const auto reader = open_reader();
    EXPECT_FALSE(reader->open_log(log_->slot(), PublicationId{id}, 0)->timeline(5)) << id;
  }
}

}  // namespace
}  // namespace millrace::media
