// A log written by a Writer, read back: records, messages as players are sent them, configurations.
#include "publication/writer.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <map>
#include <string>
#include <utility>

#include "media/arena_reader.hpp"
#include "publication/frame_header.hpp"
#include "rtmp/chunk_writer.hpp"
#include "rtmp/limits.hpp"
#include "rtmp/media_message.hpp"
#include "rtmp/message_chunks.hpp"

namespace millrace::publication {
namespace {

constexpr WallTime kWall = WallTime::from_us(1'700'000'000'000'000);
constexpr std::uint32_t kChunkHeader = 12;

// avcC of 320x180 baseline, from x264.
const Bytes kAvcc{0x01, 0x42, 0xC0, 0x0D, 0xFF, 0xE1, 0x00, 0x19, 0x67, 0x42, 0xC0, 0x0D, 0xD9, 0x01,
                  0x41, 0x9F, 0x9E, 0x10, 0x00, 0x00, 0x03, 0x00, 0x10, 0x00, 0x00, 0x03, 0x03, 0xC0,
                  0xF1, 0x42, 0xA4, 0xE0, 0x00, 0x01, 0x00, 0x05, 0x68, 0xCB, 0x83, 0xCB, 0x20};
const Bytes kAudioConfig{0x11, 0x90};  // AAC-LC, 48 kHz, stereo

Bytes picture(bool key, std::uint8_t number) {
  return {0, 0, 0, 6, static_cast<std::uint8_t>(key ? 0x65 : 0x41), number, 0x80, 0x80, 0x80, 0x80};
}

class WriterTest : public ::testing::Test {
 protected:
  WriterTest() {
    std::string path = "/tmp/millrace-writer-XXXXXX";
    directory_ = ::mkdtemp(path.data());
    arena_ = std::move(*media::ArenaWriter::open({directory_, "test", 32U << 20, 256U << 10, 16}));
    reader_ = std::move(*media::ArenaReader::open(directory_, "test", "test"));
    description_.stream_id = "cam";
    description_.publication_id = PublicationId{7};
    description_.started_wall = kWall;
    description_.retention.guaranteed_bytes = 8U << 20;
  }
  ~WriterTest() override {
    writer_.reset();
    std::filesystem::remove_all(directory_);
  }

  void write_source() {
    auto log = std::move(*arena_->create_log(description_));
    const media::TimelineConfig timeline{
        .continuation = log->continuation(), .longest_target_s = 12, .wanted_part_us = wanted_part_us_};
    writer_.emplace(std::move(log), timeline);
  }
  // Beside publication 7: its numbers and times are brought along.
  void write_rendition(std::uint64_t first_sequence) {
    description_.role = media::LogRole::kRendition;
    description_.rendition = "360p";
    description_.publication_id = PublicationId{8};
    description_.origin_publication_id = PublicationId{7};
    description_.first_sequence = first_sequence;
    media::StreamContinuation numbers;
    numbers.last_media_sequence = 4'999;
    numbers.last_discontinuity_sequence = 3;
    numbers.target_duration_s = 2;
    description_.numbers = numbers;
    writer_.emplace(std::move(*arena_->create_log(description_)));
  }
  static TrackFormat format(media::Codec codec, ByteView header, std::uint8_t track) {
    TrackFormat format = format_of_header(codec, header).value();
    format.description.track = track;
    return format;
  }
  void configure_both() {
    ASSERT_TRUE(writer_->configure(format(media::Codec::kH264, kAvcc, media::kVideoTrack)));
    ASSERT_TRUE(writer_->configure(format(media::Codec::kAac, kAudioConfig, media::kAudioTrack)));
  }
  Writer::Room room_for(const Sample& sample, const Bytes& payload, std::uint32_t wire_timestamp_ms) {
    const Writer::Room room =
        writer_->reserve_for(sample, static_cast<std::uint32_t>(payload.size()), wire_timestamp_ms).value();
    std::memcpy(room.data + room.prefix_room, payload.data(), payload.size());
    return room;
  }
  void send(std::uint8_t track, std::uint32_t timestamp_ms, bool key, const Bytes& payload,
            std::int32_t offset_ms = 0) {
    Sample sample = writer_->sample_of(track, key, offset_ms);
    sample.timestamp_ms = timestamp_ms + encoder_ahead_ms_;
    sample.arrival_us = timestamp_ms * 1000LL;
    sample.wall = kWall + timestamp_ms * 1000LL + wall_step_us_;
    EXPECT_TRUE(*writer_->commit(room_for(sample, payload, timestamp_ms), sample));
  }
  media::LogReader open_log() {
    return std::move(*reader_->open_log(writer_->log().slot(), description_.publication_id, 0));
  }

  std::string directory_;
  std::unique_ptr<media::ArenaWriter> arena_;
  std::unique_ptr<media::ArenaReader> reader_;
  // 30 pictures a second in groups of two seconds, and sound.
  void send_seconds(std::uint32_t seconds) {
    std::uint32_t sounds = 0;
    for (std::uint32_t frame = 0; frame < seconds * 30; ++frame) {
      const std::uint32_t ms = frame * 100 / 3;
      for (; sounds * 64 / 3 < ms; ++sounds) send(media::kAudioTrack, sounds * 64 / 3, true, {1, 2, 3});
      send(media::kVideoTrack, ms, frame % 60 == 0, picture(frame % 60 == 0, 1));
    }
  }
  std::vector<std::uint32_t> parts_of(std::uint8_t track) const {
    std::vector<std::uint32_t> parts;
    const media::LogReader log =
        std::move(*reader_->open_log(writer_->log().slot(), description_.publication_id, 0));
    for (std::uint64_t i = 0; i < log.info().committed; ++i) {
      const auto sample = log.at(i);
      if (sample && sample->record.track == track) parts.push_back(sample->record.part);
    }
    return parts;
  }

  media::LogDescription description_;
  std::int64_t wall_step_us_ = 0;
  std::uint32_t encoder_ahead_ms_ = 0;
  std::uint32_t wanted_part_us_ = 0;
  std::optional<Writer> writer_;
};

// Two pictures whose key frames come with equal times, in either order, with sound in between: each enters a
// segment with its key frame, and what is in the log does not depend on the order.
TEST_F(WriterTest, LetsEveryPictureEnterASegmentWithItsKeyFrame) {
  constexpr std::uint8_t kSecond = 3;
  for (const bool second_first : {false, true}) {
    SCOPED_TRACE(second_first);
    description_.publication_id = PublicationId{second_first ? 8U : 7U};
    write_source();
    configure_both();
    ASSERT_TRUE(writer_->configure(format(media::Codec::kH264, kAvcc, kSecond)));
    std::uint32_t sounds = 0;
    for (std::uint32_t frame = 0; frame < 300; ++frame) {
      const std::uint32_t ms = frame * 100 / 3;
      const bool key = frame % 60 == 0;
      for (const bool second : {second_first, !second_first}) {
        send(second ? kSecond : media::kVideoTrack, ms, key, picture(key, second ? 2 : 1));
        EXPECT_EQ(writer_->release(ms * 1000LL), 0U);
        for (; sounds * 64 / 3 < ms; ++sounds) send(media::kAudioTrack, sounds * 64 / 3, true, {1, 2, 3});
      }
    }
    writer_->finish(media::LogEnd::kUnpublished);
    const media::LogReader log = open_log();
    std::map<std::uint8_t, std::uint64_t> segment;
    std::map<std::uint8_t, std::uint32_t> pictures, segments;
    std::uint64_t last = 0;
    for (std::uint64_t i = 0; i < log.info().committed; ++i) {
      const auto sample = log.at(i);
      ASSERT_TRUE(sample);
      const media::SampleRecord& record = sample->record;
      EXPECT_GE(record.media_sequence, last);
      last = record.media_sequence;
      if (record.track == media::kAudioTrack) continue;
      EXPECT_EQ(sample->payload[5], record.track == kSecond ? 2 : 1);
      ++pictures[record.track];
      if (std::exchange(segment[record.track], record.media_sequence) == record.media_sequence) continue;
      ++segments[record.track];
      EXPECT_NE(record.flags & media::kSampleKey, 0) << i;
    }
    EXPECT_EQ(pictures, (std::map<std::uint8_t, std::uint32_t>{{media::kVideoTrack, 300}, {kSecond, 300}}));
    EXPECT_EQ(segments, (std::map<std::uint8_t, std::uint32_t>{{media::kVideoTrack, 5}, {kSecond, 5}}));
    EXPECT_EQ(log.info().first_dependent_segment, 0U);
  }
}

// What waits when the log ends, when its track is configured again, and when the first track stays away.
TEST_F(WriterTest, WritesWhatWaitsForTheFirstPicture) {
  constexpr std::uint8_t kSecond = 3;
  write_source();
  configure_both();
  ASSERT_TRUE(writer_->configure(format(media::Codec::kH264, kAvcc, kSecond)));
  send(media::kVideoTrack, 0, true, picture(true, 1));
  send(kSecond, 40, true, picture(true, 2));
  EXPECT_EQ(writer_->log().committed(), 1U);
  EXPECT_EQ(writer_->release(539'999), 0U);
  EXPECT_EQ(writer_->log().committed(), 1U);
  EXPECT_EQ(writer_->release(540'000), 0U);
  EXPECT_EQ(writer_->log().committed(), 2U);
  send(media::kVideoTrack, 600, false, picture(false, 3));
  send(kSecond, 640, true, picture(true, 4));
  EXPECT_EQ(writer_->log().committed(), 3U);
  ASSERT_TRUE(writer_->configure(format(media::Codec::kH264, kAvcc, kSecond)));
  EXPECT_EQ(writer_->log().committed(), 4U);
  send(kSecond, 680, true, picture(true, 5));
  send(kSecond, 720, false, picture(false, 6));
  writer_->finish(media::LogEnd::kUnpublished);
  EXPECT_EQ(writer_->log().committed(), 6U);
}

// A header that cannot be read takes back the one before it: what waits is of that one.
TEST_F(WriterTest, WritesWhatWaitsBeforeItsConfigurationIsWithdrawn) {
  constexpr std::uint8_t kSecond = 3;
  write_source();
  configure_both();
  send(media::kVideoTrack, 0, true, picture(true, 1));
  ASSERT_TRUE(writer_->configure(format(media::Codec::kH264, kAvcc, kSecond)));
  EXPECT_FALSE(writer_->has_sample(kSecond));
  send(kSecond, 40, true, picture(true, 2));
  EXPECT_TRUE(writer_->has_sample(kSecond));
  EXPECT_EQ(writer_->log().committed(), 1U);
  writer_->withdraw(kSecond);
  ASSERT_EQ(writer_->log().committed(), 2U);
  const media::LogReader log = open_log();
  const auto sample = log.at(1);
  ASSERT_TRUE(sample);
  EXPECT_EQ(sample->record.track, kSecond);
  const auto configuration = log.configuration(sample->record.configuration);
  ASSERT_TRUE(configuration);
  EXPECT_EQ(configuration->description.track, kSecond);
}

// The message of a record: its chunk header as a player reads it, and its tag.
rtmp::MediaTag tag_of(ByteView message, rtmp::MessageType type) {
  EXPECT_EQ(message[7], static_cast<std::uint8_t>(type));
  const std::size_t size = message[4] << 16U | message[5] << 8U | message[6];
  EXPECT_EQ(size, message.size() - kChunkHeader);
  return rtmp::parse_media_tag(type, message.subspan(kChunkHeader)).value();
}

Bytes to_bytes(ByteView view) {
  return {view.begin(), view.end()};
}

// What a player with RTMP's chunk size of 128 is sent of it is what the writer of messages makes.
void expect_as_chunked(ByteView message, std::uint32_t timestamp_ms) {
  constexpr std::uint32_t kChunkSize = 128;
  const std::size_t header = timestamp_ms >= 0xFFFFFF ? 16 : 12;
  ByteWriter expected;
  rtmp::append_message({rtmp::kVideoChunkStream, rtmp::MessageType::kVideo, timestamp_ms, 0, 1},
                       message.subspan(header), kChunkSize, expected);
  const rtmp::MessageChunks chunks(message, kChunkSize);
  ASSERT_EQ(chunks.wire_size(), expected.view().size());
  std::vector<ByteView> parts(3 * (message.size() / kChunkSize + 1));
  parts.resize(chunks.cut(0, parts));
  Bytes all;
  for (const ByteView part : parts) all.insert(all.end(), part.begin(), part.end());
  EXPECT_EQ(all, to_bytes(expected.view()));
}

TEST_F(WriterTest, GivesSamplesTimesAndTheFormThatPlayersAreSent) {
  write_source();
  configure_both();
  EXPECT_FALSE(writer_->take_tracks_changed()) << "nothing to play yet";
  send(media::kVideoTrack, 1000, true, picture(true, 1), 40);
  send(media::kAudioTrack, 1010, true, {0xDE, 0xAD});
  send(media::kVideoTrack, 1040, false, picture(false, 2));
  EXPECT_TRUE(writer_->take_tracks_changed());
  ASSERT_EQ(writer_->tracks().size(), 2U);
  EXPECT_EQ(writer_->tracks()[0].codec, "avc1.42c00d");
  const media::LogReader log = open_log();
  const auto first = log.at(0);
  ASSERT_TRUE(first);
  EXPECT_EQ(to_bytes(first->payload), picture(true, 1));
  const rtmp::MediaTag tag = tag_of(first->message, rtmp::MessageType::kVideo);
  EXPECT_TRUE(tag.key());
  EXPECT_FALSE(tag.enhanced);
  EXPECT_EQ(first->record.composition_offset, 40 * 90);
  EXPECT_EQ(first->record.flags & media::kSampleNoAudioYet, media::kSampleNoAudioYet);
  EXPECT_EQ(first->record.origin_arrival_us, 1'000'000);
  const auto sound = log.at(1);
  EXPECT_EQ(to_bytes(sound->payload), (Bytes{0xDE, 0xAD}));
  EXPECT_EQ(tag_of(sound->message, rtmp::MessageType::kAudio).codec, rtmp::fourcc::kAac);
  EXPECT_EQ(sound->message.data(), first->message.data() + first->message.size()) << "back to back";
  EXPECT_FALSE(tag_of(log.at(2)->message, rtmp::MessageType::kVideo).key());
  EXPECT_EQ(writer_->newest().sequence, 2U);
}

// As its first track is, a configuration is a message too.
// What is counted from the dates, by players of DASH, is where it was.
TEST_F(WriterTest, KeepsItsDatesWhereTheWallClockSteps) {
  constexpr std::int64_t kSecond = 1'000'000;
  for (const std::int64_t step_us : {10 * kSecond, -10 * kSecond, 3600 * kSecond, -3600 * kSecond}) {
    description_.publication_id = PublicationId{number_of(description_.publication_id) + 1};
    writer_.reset();
    write_source();
    configure_both();
    EXPECT_FALSE(writer_->clock_offset_us());
    for (std::uint32_t ms = 0; ms < 120'000; ms += 500) {
      const bool later = ms >= 60'000;
      wall_step_us_ = later ? step_us : 0;
      // A jump of the encoder's clock takes the date again: by the same clock.
      encoder_ahead_ms_ = ms < 100'000 ? 0 : 30'000;
      send(media::kVideoTrack, ms, ms % 2000 == 0, picture(ms % 2000 == 0, 1));
    }
    const media::LogReader log = open_log();
    EXPECT_EQ(log.info().clock_offset_us, kWall.us());
    for (std::uint64_t i = 0; i < log.info().committed; ++i) {
      const std::int64_t off_us =
          log.at(i)->record.presented_wall - (kWall + static_cast<std::int64_t>(i) * 500'000);
      ASSERT_LE(std::abs(off_us), 1000) << i;
    }
  }
}

TEST_F(WriterTest, WritesConfigurationsAsPlayersAreSentThem) {
  write_source();
  configure_both();
  TrackFormat second = format(media::Codec::kH264, kAvcc, 3);
  second.player_track_id = 1;
  ASSERT_TRUE(writer_->configure(second));
  const media::LogReader log = open_log();
  const auto video = log.configuration(0);
  ASSERT_TRUE(video);
  EXPECT_EQ(video->bytes, kAvcc);
  EXPECT_EQ(tag_of(video->message, rtmp::MessageType::kVideo).kind, rtmp::PacketKind::kSequenceStart);
  const rtmp::MediaTag tag = tag_of(log.configuration(2)->message, rtmp::MessageType::kVideo);
  EXPECT_EQ(tag.multitrack, rtmp::MultitrackType::kOneTrack);
  send(3, 0, true, picture(true, 9));
  EXPECT_EQ(tag_of(log.at(0)->message, rtmp::MessageType::kVideo).multitrack,
            rtmp::MultitrackType::kOneTrack);
}

TEST_F(WriterTest, BringsAConfigurationIntoForceWithItsTracksNextSample) {
  write_source();
  configure_both();
  send(media::kVideoTrack, 0, true, picture(true, 1));
  Bytes other = kAvcc;
  other.back() = 0x21;
  ASSERT_TRUE(writer_->configure(format(media::Codec::kH264, other, media::kVideoTrack)));
  const media::LogReader log = open_log();
  EXPECT_EQ(log.configuration_count(), 2U);
  send(media::kAudioTrack, 20, true, {1});
  EXPECT_EQ(log.configuration_count(), 2U) << "the picture's still waits";
  send(media::kVideoTrack, 40, true, picture(true, 2));
  ASSERT_EQ(log.configuration_count(), 3U);
  EXPECT_EQ(log.configuration(2)->description.media_sequence, writer_->newest().media_sequence);
  EXPECT_EQ(writer_->newest().configuration, 2U);
  ASSERT_TRUE(writer_->configure(format(media::Codec::kH264, kAvcc, media::kVideoTrack)));
  writer_->withdraw(media::kVideoTrack);
  send(media::kVideoTrack, 80, false, picture(false, 3));
  EXPECT_EQ(writer_->newest().configuration, 2U);
}

TEST_F(WriterTest, TakesAConfigurationBackAsIfItHadNotCome) {
  write_source();
  configure_both();
  send(media::kVideoTrack, 0, true, picture(true, 1));
  send(media::kAudioTrack, 0, true, {1});
  Bytes other = kAvcc;
  other.back() = 0x21;
  for (const bool withdrawn : {false, true}) {
    ASSERT_TRUE(writer_->configure(format(media::Codec::kH264, other, media::kVideoTrack)));
    ASSERT_TRUE(writer_->configure(format(media::Codec::kAac, Bytes{0x12, 0x10}, media::kAudioTrack)));
    if (withdrawn) writer_->withdraw(media::kVideoTrack);
    configure_both();
    send(media::kVideoTrack, withdrawn ? 80 : 40, true, picture(true, 2));
    EXPECT_EQ(writer_->newest().flags & media::kSampleDiscontinuity, 0);
    EXPECT_EQ(writer_->newest().configuration, 0U);
    send(media::kAudioTrack, withdrawn ? 43 : 21, true, {2});
    EXPECT_EQ(writer_->newest().flags & media::kSampleDiscontinuity, 0);
    EXPECT_EQ(writer_->newest().dts, withdrawn ? 2048 : 1024);
  }
  EXPECT_EQ(open_log().configuration_count(), 2U);
  ASSERT_TRUE(writer_->configure(format(media::Codec::kH264, other, media::kVideoTrack)));
  send(media::kVideoTrack, 120, true, picture(true, 3));
  EXPECT_NE(writer_->newest().flags & media::kSampleDiscontinuity, 0);
}

// A rendition's frames have their own decode times; where they belong is what the source's did.
TEST_F(WriterTest, TakesTimesAndNumbersThatAreBroughtAlong) {
  write_rendition(1'000'000);
  configure_both();
  Sample sample = writer_->sample_of(media::kVideoTrack, true, 0);
  media::SampleRecord record{};
  record.dts = 12'345;
  record.arrival_us = 900;
  record.origin_arrival_us = 100;
  record.presented_wall = kWall + 5;
  record.media_sequence = 5'000;
  record.discontinuity_sequence = 3;
  record.part = 17;
  record.wire_timestamp_ms = 77'000;
  record.flags = media::kSampleSegmentStart;
  ASSERT_TRUE(*writer_->commit_placed(room_for(sample, picture(true, 1), 77'000), sample, record));
  record.dts += 3600;
  record.flags = 0;
  sample = writer_->sample_of(media::kVideoTrack, false, 0);
  ASSERT_TRUE(*writer_->commit_placed(room_for(sample, picture(false, 2), 77'000), sample, record));
  writer_->set_part_target_us(500'000);
  writer_->set_target_duration_s(2);
  const media::LogReader log = open_log();
  const auto first = log.at(1'000'000);
  ASSERT_TRUE(first);
  EXPECT_EQ(first->record.dts, 12'345);
  EXPECT_EQ(first->record.arrival_us, 900);
  EXPECT_EQ(first->record.origin_arrival_us, 100);
  EXPECT_EQ(first->record.presented_wall, kWall + 5);
  EXPECT_EQ(first->record.media_sequence, 5'000U);
  EXPECT_EQ(first->record.discontinuity_sequence, 3U);
  EXPECT_EQ(first->record.part, 17U);
  EXPECT_EQ(first->record.flags, media::kSampleSegmentStart | media::kSampleKey | media::kSampleNoAudioYet);
  EXPECT_EQ(to_bytes(first->payload), picture(true, 1));
  EXPECT_TRUE(tag_of(first->message, rtmp::MessageType::kVideo).key());
  const auto second = log.at(1'000'001);
  ASSERT_TRUE(second);
  EXPECT_EQ(second->record.flags, 0);
  const media::LogInfo info = log.info();
  EXPECT_EQ(info.role, media::LogRole::kRendition);
  EXPECT_EQ(info.first_sequence, 1'000'000U);
  EXPECT_EQ(info.committed, 1'000'002U);
  EXPECT_EQ(info.target_duration_s, 2U);
  EXPECT_EQ(info.part_target_us, 500'000U);
  writer_->finish(media::LogEnd::kUnpublished);
  EXPECT_EQ(log.info().end, media::LogEnd::kUnpublished);
}

// The chunk header is four bytes longer from 0xFFFFFF on; what a player with the usual chunk size is sent of
// the message says it again in each chunk.
TEST_F(WriterTest, NumbersPartsFromTheSecondSegmentOn) {
  wanted_part_us_ = 333'000;
  write_source();
  configure_both();
  send_seconds(2);
  EXPECT_EQ(open_log().info().part_target_us, 0U);
  EXPECT_EQ(writer_->closed_parts(), 0U);
  send(media::kVideoTrack, 2000, true, picture(true, 1));
  EXPECT_EQ(open_log().info().part_target_us, 342'000U) << "with the record that ends the first segment";
  EXPECT_EQ(open_log().info().target_duration_s, 2U);
  std::vector<std::uint32_t> parts = parts_of(media::kVideoTrack);
  EXPECT_EQ(parts.back(), 1U);
  parts.pop_back();
  EXPECT_EQ(parts, std::vector<std::uint32_t>(60, 0));
  writer_->finish(media::LogEnd::kUnpublished);
  EXPECT_EQ(writer_->closed_parts(), 1U);
}

// A later publication of the stream has the target of the ones before it, whatever is wanted by now.
TEST_F(WriterTest, KeepsThePartTargetOfTheStream) {
  wanted_part_us_ = 333'000;
  write_source();
  configure_both();
  send_seconds(1);
  writer_->finish(media::LogEnd::kDisconnected);
  EXPECT_EQ(open_log().info().part_target_us, 336'000U) << "fixed by the end at the latest";
  description_.publication_id = PublicationId{8};
  wanted_part_us_ = 0;
  write_source();
  configure_both();
  send_seconds(1);
  EXPECT_EQ(open_log().info().part_target_us, 336'000U);
  const std::vector<std::uint32_t> parts = parts_of(media::kVideoTrack);
  ASSERT_EQ(parts.size(), 30U);
  EXPECT_EQ(parts.front(), 1U) << "from its first record on";
  EXPECT_EQ(parts.back(), 3U);
  EXPECT_EQ(parts_of(media::kAudioTrack).front(), 1U);
}

TEST_F(WriterTest, HasNoPartsForGoodWhereAStreamBeganWithout) {
  write_source();
  configure_both();
  send_seconds(3);
  writer_->finish(media::LogEnd::kDisconnected);
  description_.publication_id = PublicationId{8};
  wanted_part_us_ = 333'000;
  write_source();
  configure_both();
  send_seconds(3);
  EXPECT_EQ(open_log().info().part_target_us, 0U);
  EXPECT_EQ(parts_of(media::kVideoTrack), std::vector<std::uint32_t>(90, 0));
}

TEST_F(WriterTest, ReservesExactlyTheHeaderOfEveryTimeAndSize) {
  write_rendition(0);
  configure_both();
  for (const std::uint32_t timestamp : {0xFFFFFEU, 0xFFFFFFU, 0x1000000U, 0xFFFFFFFFU, 5U}) {
    for (const std::size_t size : {1U, 127U, 128U, 129U, 4096U, 300'000U}) {
      SCOPED_TRACE(std::to_string(timestamp) + " " + std::to_string(size));
      const Sample sample = writer_->sample_of(media::kVideoTrack, true, 0);
      const Bytes payload(size, 0x5A);
      // Of no use here is what the sample says of a time stamp: the record has it.
      media::SampleRecord record{};
      record.media_sequence = 5'000;
      record.discontinuity_sequence = 3;
      record.wire_timestamp_ms = timestamp;
      const Writer::Room room = room_for(sample, payload, timestamp);
      ASSERT_TRUE(*writer_->commit_placed(room, sample, record));
      const media::LogReader log = open_log();
      const auto read = log.at(writer_->newest().sequence);
      ASSERT_TRUE(read);
      const std::uint32_t prefix = read->record.prefix_size;
      EXPECT_EQ(prefix, room.prefix_room) << "messages lie back to back";
      constexpr std::uint32_t kTag = 5;  // FLV E.4.3
      EXPECT_EQ(prefix, kTag + (timestamp >= 0xFFFFFF ? 16 : 12));
      EXPECT_EQ(to_bytes(read->payload), payload);
      expect_as_chunked(read->message, timestamp);
    }
  }
}

TEST_F(WriterTest, RefusesWhatIsNoMessageOfOneChunk) {
  write_rendition(0);
  configure_both();
  const Sample sample = writer_->sample_of(media::kVideoTrack, true, 0);
  const auto refused = writer_->reserve_for(sample, rtmp::kPlayerChunkSize - 4, 0);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, "media.too_large");
}

TEST_F(WriterTest, DoesNotWriteASampleThatHasNoRoomForItsHeader) {
  write_source();
  configure_both();
  const Sample sample = writer_->sample_of(media::kVideoTrack, true, 0);
  const Writer::Room room = writer_->reserve(10, 0).value();  // for the chunk header alone
  const auto committed = writer_->commit(room, sample);
  ASSERT_TRUE(committed);
  EXPECT_FALSE(*committed);
  writer_->abandon(room);
  EXPECT_EQ(open_log().info().committed, 0U);
  EXPECT_FALSE(writer_->any_record());
}

TEST_F(WriterTest, AddsDataAtOnce) {
  write_source();
  configure_both();
  EXPECT_FALSE(writer_->is_configured(media::kDataTrack));
  ASSERT_TRUE(writer_->add_data(data_format(Bytes{2, 0, 1, 'm'})));
  EXPECT_TRUE(writer_->is_configured(media::kDataTrack));
  send(media::kVideoTrack, 0, true, picture(true, 1));
  send(media::kDataTrack, 10, false, {2, 0, 1, 'x'});
  const media::LogReader log = open_log();
  const auto data = log.at(1);
  ASSERT_TRUE(data);
  EXPECT_EQ(data->record.track, media::kDataTrack);
  EXPECT_EQ(data->record.prefix_size, kChunkHeader);
  EXPECT_EQ(data->message[7], static_cast<std::uint8_t>(rtmp::MessageType::kData));
}

}  // namespace
}  // namespace millrace::publication
