#include "media/recorded_log.hpp"

#include <gtest/gtest.h>

#include <limits>

namespace millrace::media {
namespace {

SampleRecord record(std::uint64_t sequence, std::uint8_t track, std::int64_t dts) {
  SampleRecord record{};
  record.sequence = sequence;
  record.track = track;
  record.dts = dts;
  record.arrival_us = record.origin_arrival_us = 7'000'000 + dts;
  record.presented_wall = WallTime::from_us(1'800'000'000'000'000 + dts);
  record.media_sequence = 3'600'000'000;
  record.discontinuity_sequence = 512;
  record.configuration = track;
  record.size = 1000 + static_cast<std::uint32_t>(sequence);
  record.flags = kSampleKey;
  record.part = 4;
  return record;
}

// Every field away from what the one before would suggest, and at its limits.
RecordedPiece full_piece() {
  RecordedPiece piece;
  piece.log = {PublicationId{0xA1B2C3D4E5F60718}, 3, true, 5, 2, 342'000, 3'600'000'001};
  piece.bytes_before = 1ULL << 40;
  RecordedConfiguration video{};
  video.description = {.index = 0,
                       .track = 0,
                       .kind = TrackKind::kVideo,
                       .codec = Codec::kH264,
                       .prefix_size = 0,
                       .timescale = 90'000,
                       .size = 3,
                       .width = 1920,
                       .height = 1080,
                       .sample_rate = 0,
                       .channels = 0,
                       .media_sequence = 7,
                       .picture = {},
                       .label = {}};
  video.bytes = {1, 2, 3};
  RecordedConfiguration sound{};
  sound.description = {.index = 1,
                       .track = 1,
                       .kind = TrackKind::kAudio,
                       .codec = Codec::kAac,
                       .prefix_size = 0,
                       .timescale = 48'000,
                       .size = 0,
                       .width = 0,
                       .height = 0,
                       .sample_rate = 48'000,
                       .channels = 2,
                       .media_sequence = 0,
                       .picture = {},
                       .label = {}};
  piece.configurations = {video, sound};
  piece.samples.push_back({record(9, 0, 90'000), true});
  piece.samples.back().record.composition_offset = -3000;
  piece.samples.push_back({record(10, 1, 48'000), true});
  piece.samples.push_back({record(11, 2, 0), false});
  piece.samples.push_back({record(40, 0, 93'000), true, 6, 40});
  piece.samples.back().record.part = 5;
  piece.samples.back().record.configuration = 70'000;
  piece.samples.push_back({record(41, 15, std::int64_t{1} << 42), true});
  SampleRecord& last = piece.samples.back().record;
  last.arrival_us = last.origin_arrival_us = -(std::int64_t{1} << 53);
  last.presented_wall = WallTime::from_us(-(std::int64_t{1} << 53));
  last.composition_offset = std::numeric_limits<std::int32_t>::min();
  last.media_sequence = std::numeric_limits<std::uint64_t>::max();
  last.discontinuity_sequence = last.part = std::numeric_limits<std::uint32_t>::max();
  last.size = 1U << 30;
  last.flags = std::numeric_limits<std::uint16_t>::max();
  piece.samples.push_back({record(42, 1, -5), true});
  return piece;
}

bool same(const SampleRecord& a, const SampleRecord& b) {
  return std::memcmp(&a, &b, sizeof a) == 0;
}

ByteView payload_of(const Bytes& box) {
  return ByteView(box).subspan(8);
}

TEST(RecordedLog, ComesBackAsItWas) {
  const RecordedPiece piece = full_piece();
  const Bytes box = write_recorded_piece(piece);
  ASSERT_FALSE(box.empty());
  const auto read = read_recorded_piece(payload_of(box));
  ASSERT_TRUE(read);
  EXPECT_EQ(read->log, piece.log);
  EXPECT_EQ(read->bytes_before, piece.bytes_before);
  ASSERT_EQ(read->configurations.size(), piece.configurations.size());
  for (std::size_t i = 0; i < piece.configurations.size(); ++i) {
    EXPECT_EQ(read->configurations[i].description, piece.configurations[i].description);
    EXPECT_EQ(read->configurations[i].bytes, piece.configurations[i].bytes);
  }
  ASSERT_EQ(read->samples.size(), piece.samples.size());
  for (std::size_t i = 0; i < piece.samples.size(); ++i) {
    EXPECT_TRUE(same(read->samples[i].record, piece.samples[i].record)) << i;
    EXPECT_EQ(read->samples[i].in_file, piece.samples[i].in_file);
    EXPECT_EQ(read->samples[i].inserted_at, piece.samples[i].inserted_at);
    EXPECT_EQ(read->samples[i].inserted_bytes, piece.samples[i].inserted_bytes);
  }
}

// What the first version has no place for.
TEST(RecordedLog, KeepsLabelsColoursAndDataMessages) {
  RecordedPiece piece = full_piece();
  TrackConfiguration& video = piece.configurations[0].description;
  video.picture.told = PictureColour::kMastering;
  for (std::uint16_t i = 0; i < 8; ++i)
    video.picture.chromaticity.at(i) = static_cast<std::uint16_t>(i + 1000);
  video.picture.max_luminance = 10'000'000;
  video.picture.max_average_light = 400;
  piece.configurations[1].description.label.language = {'d', 'e'};
  piece.configurations[1].description.label.name = {'A', 'u', 's'};
  RecordedSample& data = piece.samples[2];
  data.record.wire_timestamp_ms = 0xFFFFFFFF;
  data.data = {2, 0, 1, 'x'};
  const Bytes box = write_recorded_piece(piece);
  const auto read = read_recorded_piece(payload_of(box));
  ASSERT_TRUE(read);
  for (std::size_t i = 0; i < piece.configurations.size(); ++i)
    EXPECT_EQ(read->configurations[i].description, piece.configurations[i].description);
  for (std::size_t i = 0; i < piece.samples.size(); ++i) {
    EXPECT_TRUE(same(read->samples[i].record, piece.samples[i].record)) << i;
    EXPECT_EQ(read->samples[i].data, piece.samples[i].data);
  }
  const ByteView payload = payload_of(box);
  for (std::size_t size = 0; size < payload.size(); ++size)
    EXPECT_FALSE(read_recorded_piece(payload.first(size))) << size;
  piece.samples[2].data.assign(kMaxEventMessage + 1, 0);
  EXPECT_FALSE(read_recorded_piece(payload_of(write_recorded_piece(piece)))) << "longer than any is";
}

// The form is on users' disks.
TEST(RecordedLog, IsWrittenAsItAlwaysWas) {
  RecordedPiece piece;
  piece.log = {PublicationId{1}, 0, false, 0, 2, 0, 0};
  piece.samples.push_back({record(0, 0, 0), true});
  piece.samples.push_back({record(1, 0, 3000), true});
  const Bytes box = write_recorded_piece(piece);
  EXPECT_EQ(box.size(), 8 + 16 + 4 + 56 + 38U) << "8 bytes of a second sample, the first one has the numbers";
  EXPECT_EQ(as_text(ByteView(box).subspan(4, 4)), "uuid");
  EXPECT_EQ(as_text(ByteView(box).subspan(8, 8)), "millrace");
}

TEST(RecordedLog, TakesLittleRoomForAnOrdinaryStream) {
  RecordedPiece piece;
  for (std::uint64_t i = 0; i < 100; ++i)
    piece.samples.push_back({record(i, 0, std::int64_t(i) * 3000), true});
  EXPECT_LT(write_recorded_piece(piece).size(), 100 * 13U);
}

TEST(RecordedLog, ReadsNothingOfWhatIsCutOffOrLonger) {
  const Bytes box = write_recorded_piece(full_piece());
  const ByteView payload = payload_of(box);
  for (std::size_t size = 0; size < payload.size(); ++size)
    EXPECT_FALSE(read_recorded_piece(payload.first(size))) << size;
  Bytes longer(payload.begin(), payload.end());
  longer.push_back(0);
  EXPECT_FALSE(read_recorded_piece(longer));
}

TEST(RecordedLog, RefusesWhatCannotBe) {
  const Bytes box = write_recorded_piece(full_piece());
  const auto with = [&](std::size_t at, std::uint8_t value) {
    Bytes changed(box.begin() + 8, box.end());
    changed.at(at) = value;
    return read_recorded_piece(changed).has_value();
  };
  EXPECT_TRUE(with(16 + 3, 1));
  EXPECT_FALSE(with(16 + 3, 2)) << "version";
  EXPECT_FALSE(with(0, 0)) << "another box";
  constexpr std::size_t kCounts = 16 + 4 + 8 + 4 + 4 + 8 + 4 + 4 + 8 + 8;
  EXPECT_FALSE(with(kCounts, 0xFF)) << "more configurations than bytes";
  EXPECT_FALSE(with(kCounts + 4, 0xFF)) << "more samples than bytes";
  constexpr std::size_t kConfiguration = kCounts + 8;
  EXPECT_FALSE(with(kConfiguration + 4, kMaxTracks)) << "track";
  EXPECT_FALSE(with(kConfiguration + 5, 3)) << "kind";
  EXPECT_FALSE(with(kConfiguration + 6, 12)) << "codec";
}

TEST(RecordedLog, RefusesTimesAndSizesThatNoLogHas) {
  const auto reads = [](auto change) {
    RecordedPiece piece;
    piece.samples.push_back({record(0, 0, 0), true});
    change(piece.samples.front());
    return read_recorded_piece(payload_of(write_recorded_piece(piece))).has_value();
  };
  EXPECT_TRUE(reads([](RecordedSample&) {}));
  EXPECT_FALSE(reads([](RecordedSample& sample) { sample.record.dts = (std::int64_t{1} << 42) + 1; }));
  EXPECT_FALSE(reads([](RecordedSample& sample) { sample.record.arrival_us = INT64_MIN; }));
  EXPECT_FALSE(
      reads([](RecordedSample& sample) { sample.record.presented_wall = WallTime::from_us(INT64_MAX); }));
  EXPECT_FALSE(reads([](RecordedSample& sample) { sample.record.size = (1U << 30) + 1; }));
  EXPECT_FALSE(reads([](RecordedSample& sample) {
    sample.inserted_at = sample.record.size + 1;
    sample.inserted_bytes = 1;
  }));
}

TEST(RecordedLog, IsNotWrittenBeyondItsBound) {
  RecordedPiece piece;
  piece.samples.assign(200'000, {record(0, 0, 0), true});
  EXPECT_TRUE(write_recorded_piece(piece).empty());
}

// As recording lays a fragment out: the tracks one behind the other.
TEST(RecordedLog, KnowsWhereBytesStandInTheFile) {
  std::vector<RecordedSample> samples = {{record(0, 1, 0), true},
                                         {record(1, 0, 0), true, 0, 30},
                                         {record(2, 2, 0), false},
                                         {record(3, 1, 0), true},
                                         {record(4, 0, 0), true}};
  for (auto& sample : samples) sample.record.size = 100;
  EXPECT_EQ(places_in_file(samples), (std::vector<std::uint64_t>{230, 0, 0, 330, 130}));
}

}  // namespace
}  // namespace millrace::media
