// Appending and reading, rooms, configurations, admission of what is asked.
#include <gmock/gmock.h>

#include "media/arena_reader.hpp"
#include "media/arena_test_support.hpp"
#include "media/arena_writer.hpp"

namespace millrace::media {
namespace {

using testing::append;
using testing::copy;
using testing::describe;
using testing::finish;
using testing::pattern;
using testing::record_at;
using testing::small_arena;

class Arena : public testing::ArenaFixture {};

TEST_F(Arena, GivesWhatWasAppended) {
  open_writer();
  auto log = create(describe("cam", 7));
  for (int i = 0; i < 30; ++i) ASSERT_TRUE(append(*log, 7, 100 + i, record_at(1000 + i, i % 10 == 0)));
  auto reader = open_reader();
  ASSERT_EQ(reader->logs().size(), 1U);
  EXPECT_EQ(reader->logs()[0].stream_id, "cam");
  auto cursor = reader->open_log(log->slot(), PublicationId{7}, 0);
  ASSERT_TRUE(cursor) << cursor.error().message;
  for (std::uint64_t i = 0; i < 30; ++i) {
    const auto read = cursor->read();
    ASSERT_TRUE(std::holds_alternative<LogReader::Sample>(read)) << i;
    const auto& sample = std::get<LogReader::Sample>(read);
    EXPECT_EQ(sample.record.sequence, i);
    EXPECT_EQ(sample.record.arrival_us, 1000 + static_cast<std::int64_t>(i));
    EXPECT_EQ(copy(sample.payload), pattern(7, i, 100 + i));
    EXPECT_EQ(sample.message.size(), sample.payload.size() + LogWriter::kPrefixRoom);
    EXPECT_EQ(sample.message[0], 0xEE);
    EXPECT_TRUE(cursor->intact(sample.record));
    cursor->advance();
  }
  EXPECT_TRUE(std::holds_alternative<LogReader::Nothing>(cursor->read()));
  log->end(LogEnd::kUnpublished);
  const auto read = cursor->read();
  ASSERT_TRUE(std::holds_alternative<LogReader::Ended>(read));
  EXPECT_EQ(std::get<LogReader::Ended>(read).reason, LogEnd::kUnpublished);
}

TEST_F(Arena, TellsWhatALogIs) {
  open_writer();
  LogDescription description = describe("cam_1", 42);
  description.epoch = Epoch{9};
  description.started_wall = WallTime::from_us(1'700'000'000'000'000);
  description.segment_target_ms = 4000;
  auto log = create(description);
  log->set_target_duration_s(4);
  auto reader = open_reader();
  const LogInfo info = info_of(*reader, 42);
  EXPECT_EQ(info.stream_id, "cam_1");
  EXPECT_EQ(info.epoch, Epoch{9});
  EXPECT_EQ(info.started_wall, WallTime::from_us(1'700'000'000'000'000));
  EXPECT_EQ(info.segment_target_ms, 4000U);
  EXPECT_EQ(info.target_duration_s, 4U);
  EXPECT_EQ(info.pinned_limit_us, 120'000'000);
  EXPECT_EQ(info.end, LogEnd::kLive);
  EXPECT_EQ(info.committed, 0U);
}

TEST_F(Arena, NumbersInterleavedRoomsInOrderOfCommit) {
  open_writer();
  auto log = create(describe("cam", 7));
  const auto video = log->reserve(300);
  const auto audio = log->reserve(50);
  ASSERT_TRUE(video && audio);
  EXPECT_EQ(finish(*log, *audio, pattern(7, 0, 50), record_at(1, true, kAudioTrack)), 0U);
  EXPECT_EQ(log->committed(), 1U);
  EXPECT_EQ(finish(*log, *video, pattern(7, 1, 300), record_at(2, true)), 1U);
  auto reader = open_reader();
  auto cursor = reader->open_log(log->slot(), PublicationId{7}, 0);
  EXPECT_EQ(copy(cursor->at(0)->payload), pattern(7, 0, 50));
  EXPECT_EQ(copy(cursor->at(1)->payload), pattern(7, 1, 300));
}

TEST_F(Arena, KeepsARoomOpenWhileItsBlockIsLeftBehind) {
  open_writer();
  auto log = create(describe("cam", 7, 40960));
  const auto slow = log->reserve(500);
  ASSERT_TRUE(slow);
  // Much more than the log may keep: everything else is recycled, the open room stays.
  fill_blocks(*log, 7, 60);
  const std::uint64_t sequence = finish(*log, *slow, pattern(7, 999, 500), record_at(5));
  auto reader = open_reader();
  auto cursor = reader->open_log(log->slot(), PublicationId{7}, sequence);
  ASSERT_TRUE(cursor->at(sequence));
  EXPECT_EQ(copy(cursor->at(sequence)->payload), pattern(7, 999, 500));
}

TEST_F(Arena, LaysMessagesBackToBackWhenThePrefixRoomIsExact) {
  open_writer();
  auto log = create(describe("cam", 7));
  for (int i = 0; i < 4; ++i) {
    const auto room = log->reserve(100, 12);
    ASSERT_TRUE(room);
    log->commit(*room, 17, 17, record_at(i));  // 12 of chunk header, 5 of tag header
  }
  auto reader = open_reader();
  auto cursor = reader->open_log(log->slot(), PublicationId{7}, 0);
  const std::uint8_t* end = cursor->at(0)->message.data() + cursor->at(0)->message.size();
  for (std::uint64_t i = 1; i < 4; ++i) {
    const ByteView message = cursor->at(i)->message;
    EXPECT_EQ(message.data(), end);
    EXPECT_EQ(message.size(), 112U);
    EXPECT_EQ(cursor->at(i)->payload.size(), 95U);
    end = message.data() + message.size();
  }
}

TEST_F(Arena, GivesTheRoomOfAnAbandonedMessageToTheNext) {
  open_writer();
  auto log = create(describe("cam", 7));
  const auto first = log->reserve(1000);
  ASSERT_TRUE(first);
  log->abandon(*first);
  const auto second = log->reserve(1000);
  ASSERT_TRUE(second);
  EXPECT_EQ(first->data, second->data);
  EXPECT_EQ(log->committed(), 0U);
}

TEST_F(Arena, TakesARunOfBlocksForALargeSample) {
  open_writer(64);
  auto log = create(describe("cam", 7, 65536));
  ASSERT_TRUE(append(*log, 7, 100));
  ASSERT_TRUE(append(*log, 7, 20'000));
  ASSERT_TRUE(append(*log, 7, 100));
  auto reader = open_reader();
  auto cursor = reader->open_log(log->slot(), PublicationId{7}, 0);
  EXPECT_EQ(copy(cursor->at(1)->payload), pattern(7, 1, 20'000));
  EXPECT_EQ(copy(cursor->at(2)->payload), pattern(7, 2, 100));
  // The rest of the run is used, not wasted.
  EXPECT_EQ(cursor->at(2)->record.block, cursor->at(1)->record.block);
}

TEST_F(Arena, RefusesASampleBeyondItsShare) {
  open_writer(64);
  auto log = create(describe("cam", 7));
  const auto room = log->reserve(64 * 4096);
  ASSERT_FALSE(room);
  EXPECT_EQ(room.error().code, "media.too_large");
  EXPECT_TRUE(append(*log, 7, 100)) << "the log goes on";
}

TEST_F(Arena, AppendsAnEmptySample) {
  open_writer();
  auto log = create(describe("cam", 7));
  const auto room = log->reserve(0, 0);
  ASSERT_TRUE(room);
  log->commit(*room, 0, 0, record_at(1));
  auto reader = open_reader();
  auto cursor = reader->open_log(log->slot(), PublicationId{7}, 0);
  ASSERT_TRUE(cursor->at(0));
  EXPECT_TRUE(cursor->at(0)->message.empty());
}

TEST_F(Arena, TakesNothingAfterTheEnd) {
  open_writer();
  auto log = create(describe("cam", 7));
  const auto room = log->reserve(10);
  ASSERT_TRUE(room);
  log->end(LogEnd::kRevoked);
  EXPECT_EQ(finish(*log, *room, pattern(7, 0, 10), record_at(1)), 0U);
  EXPECT_EQ(log->reserve(10).error().code, "media.ended");
  EXPECT_EQ(log->add_configuration({}, {}, {}).error().code, "media.ended");
  log->end(LogEnd::kTimedOut);
  auto reader = open_reader();
  EXPECT_EQ(info_of(*reader, 7).end, LogEnd::kRevoked);
  EXPECT_EQ(info_of(*reader, 7).committed, 0U);
}

TEST_F(Arena, EndsALogThatItsWriterForgot) {
  open_writer();
  auto log = create(describe("cam", 7));
  ASSERT_TRUE(append(*log, 7, 10));
  log.reset();
  auto reader = open_reader();
  EXPECT_EQ(info_of(*reader, 7).end, LogEnd::kDisconnected);
}

TEST_F(Arena, KeepsConfigurations) {
  open_writer();
  auto log = create(describe("cam", 7));
  const Bytes avcc = pattern(1, 1, 40);
  const Bytes prefix = pattern(1, 2, 17);
  TrackConfiguration video{};
  video.kind = TrackKind::kVideo;
  video.codec = Codec::kH264;
  video.timescale = 90'000;
  video.width = 1920;
  video.media_sequence = 77;
  EXPECT_EQ(*log->add_configuration(video, prefix, avcc), 0U);
  TrackConfiguration audio{};
  audio.track = kAudioTrack;
  EXPECT_EQ(*log->add_configuration(audio, {}, pattern(1, 3, 5)), 1U);
  auto reader = open_reader();
  auto cursor = reader->open_log(log->slot(), PublicationId{7}, 0);
  ASSERT_EQ(cursor->configuration_count(), 2U);
  const auto first = cursor->configuration(0);
  ASSERT_TRUE(first);
  EXPECT_EQ(first->bytes, avcc);
  EXPECT_EQ(first->message.size(), 57U);
  EXPECT_TRUE(std::equal(prefix.begin(), prefix.end(), first->message.begin()));
  EXPECT_EQ(first->description.width, 1920U);
  EXPECT_EQ(first->description.media_sequence, 77U);
  EXPECT_EQ(cursor->configuration(1)->bytes, pattern(1, 3, 5));
  EXPECT_FALSE(cursor->configuration(2));
}

TEST_F(Arena, RefusesConfigurationsBeyondTheirBlock) {
  open_writer();
  auto log = create(describe("cam", 7));
  int added = 0;
  while (log->add_configuration({}, {}, pattern(1, 1, 100))) ++added;
  EXPECT_EQ(added, 4096 / (100 + 136));
  EXPECT_EQ(log->add_configuration({}, {}, pattern(1, 1, 100)).error().code, "media.too_many_configurations");
  auto reader = open_reader();
  auto cursor = reader->open_log(log->slot(), PublicationId{7}, 0);
  for (int i = 0; i < added; ++i) EXPECT_EQ(cursor->configuration(i)->bytes, pattern(1, 1, 100));
}

TEST_F(Arena, RefersToAnEarlierConfigurationThatIsTheSame) {
  open_writer();
  auto log = create(describe("cam", 7));
  TrackConfiguration small{};
  small.codec = Codec::kH264;
  small.width = 640;
  TrackConfiguration large = small;
  large.width = 1920;
  TrackConfiguration sound{};
  sound.track = kAudioTrack;
  sound.kind = TrackKind::kAudio;
  sound.codec = Codec::kAac;
  for (std::uint64_t round = 0; round < 2000; ++round) {
    small.media_sequence = large.media_sequence = sound.media_sequence = round;
    ASSERT_EQ(*log->add_configuration(small, pattern(1, round, 12), pattern(1, 1, 40)), 0U);
    ASSERT_EQ(*log->add_configuration(large, pattern(1, round, 12), pattern(1, 1, 40)), 1U);
    ASSERT_EQ(*log->add_configuration(large, pattern(1, round, 12), pattern(1, 2, 40)), 2U);
    ASSERT_EQ(*log->add_configuration(sound, pattern(1, round, 12), pattern(1, 1, 40)), 3U);
  }
  // What is reported in an order is reported each time.
  EXPECT_EQ(*log->add_configuration({}, {}, pattern(1, 1, 5)), 4U);
  EXPECT_EQ(*log->add_configuration({}, {}, pattern(1, 1, 5)), 5U);
}

// Picture and sound go from one configuration to another and back, and then one of them is silent.
TEST_F(Arena, TellsOnEveryRecordWhichConfigurationsAreInForce) {
  open_writer();
  auto log = create(describe("cam", 7));
  const auto configure = [&](std::uint8_t track, std::uint64_t which) {
    TrackConfiguration description{};
    description.track = track;
    description.kind = track == kVideoTrack ? TrackKind::kVideo : TrackKind::kAudio;
    description.codec = track == kVideoTrack ? Codec::kH264 : Codec::kAac;
    return log->add_configuration(description, {}, pattern(1, which, 10)).value();
  };
  const auto sample = [&](std::uint8_t track, std::uint32_t configuration) {
    SampleRecord record = record_at(1, true, track);
    record.configuration = configuration;
    ASSERT_TRUE(append(*log, 7, 10, record));
  };
  auto reader = open_reader();
  auto cursor = reader->open_log(log->slot(), PublicationId{7}, 0);
  const auto in_force = [&](std::uint8_t track) {
    return configuration_in_force(cursor->at(log->committed() - 1)->record, track);
  };
  sample(kDataTrack, 0);
  EXPECT_EQ(in_force(kVideoTrack), std::nullopt);
  EXPECT_EQ(in_force(kAudioTrack), std::nullopt);
  const std::uint32_t picture = configure(kVideoTrack, 1);
  const std::uint32_t sound = configure(kAudioTrack, 1);
  const std::uint32_t other = configure(kAudioTrack, 2);
  sample(kAudioTrack, other);
  EXPECT_EQ(in_force(kVideoTrack), picture) << "announced, without a sample yet";
  EXPECT_EQ(in_force(kAudioTrack), other);
  EXPECT_EQ(configure(kAudioTrack, 1), sound);
  sample(kAudioTrack, sound);
  sample(kVideoTrack, picture);
  EXPECT_EQ(in_force(kAudioTrack), sound) << "told by the picture";
  EXPECT_EQ(configure(kAudioTrack, 2), other);
  sample(kDataTrack, 0);
  EXPECT_EQ(in_force(kAudioTrack), other) << "the newest that the writer added";
  EXPECT_EQ(in_force(kVideoTrack), picture);
}

TEST_F(Arena, SaysWhichOpenRoomHoldsTooMuchBack) {
  open_writer(64);
  auto log = create(describe("cam", 7, 8 * 4096));
  const auto slow = log->reserve(50);
  ASSERT_TRUE(slow);
  fill_blocks(*log, 7, 3);
  EXPECT_FALSE(log->overtaken(*slow));
  const auto large = log->reserve(20'000);  // a message is not held against itself
  ASSERT_TRUE(large);
  EXPECT_TRUE(log->overtaken(*slow));
  EXPECT_FALSE(log->overtaken(*large));
  log->abandon(*large);
  EXPECT_FALSE(log->overtaken(*slow)) << "what was given up is in nobody's way";
}

TEST_F(Arena, FindsTheNewestKeyFrameOfVideo) {
  open_writer();
  auto log = create(describe("cam", 7));
  auto reader = open_reader();
  auto cursor = reader->open_log(log->slot(), PublicationId{7}, 0);
  EXPECT_FALSE(cursor->newest_key());
  ASSERT_TRUE(append(*log, 7, 10, record_at(1, true, kAudioTrack)));
  EXPECT_EQ(cursor->newest_key(), 0U) << "without video any record will do";
  ASSERT_TRUE(log->add_configuration({}, {}, {}));
  EXPECT_FALSE(cursor->newest_key()) << "video is announced, but there is no key frame yet";
  ASSERT_TRUE(append(*log, 7, 10, record_at(2, true)));
  ASSERT_TRUE(append(*log, 7, 10, record_at(3, false)));
  ASSERT_TRUE(append(*log, 7, 10, record_at(4, true, kAudioTrack)));
  EXPECT_EQ(cursor->newest_key(), 1U);
}

TEST_F(Arena, RefusesNamesAndSizesOutOfRange) {
  open_writer();
  EXPECT_EQ(writer_->create_log(describe("../x", 1)).error().code, "media.invalid");
  EXPECT_EQ(writer_->create_log(describe("cam", 0)).error().code, "media.invalid");
  ArenaConfig config = small_arena(directory_.path());
  config.name = "other";
  config.block_bytes = 1000;
  EXPECT_EQ(ArenaWriter::open(config).error().code, "media.geometry");
  config = small_arena(directory_.path());
  config.name = "other";
  config.bytes = 1000;
  EXPECT_EQ(ArenaWriter::open(config).error().code, "media.geometry");
}

TEST_F(Arena, RefusesAnArenaThatTheFileSystemHasNoRoomFor) {
  ArenaConfig config = small_arena(directory_.path());
  config.block_bytes = 64 << 20;
  config.bytes = 1ULL << 46;
  const auto writer = ArenaWriter::open(config);
  ASSERT_FALSE(writer);
  EXPECT_EQ(writer.error().code, "media.no_space") << writer.error().message;
  open_writer();
  EXPECT_TRUE(create(describe("cam", 7))) << "and leaves nothing behind";
}

// Whether there are any is the kernel's to say; that the file is made for them is ours.
TEST_F(Arena, RoundsItsFileToHugePagesAndSaysWhatItGot) {
  constexpr std::uint32_t kMebibyte = 1U << 20;
  open_writer(8, kMebibyte);
  const std::uint64_t file_bytes = std::filesystem::file_size(arena_path(directory_.path(), "test"));
  EXPECT_EQ(file_bytes % kHugePageBytes, 0U);
  const ArenaStatistics huge = writer_->statistics();
  EXPECT_EQ(huge.huge_page_bytes % kHugePageBytes, 0U);
  EXPECT_EQ(huge.page_bytes, huge.huge_page_bytes > file_bytes / 2 ? kHugePageBytes : 4096U);
  auto log = create(describe("cam", 7, 4 * kMebibyte));
  ASSERT_TRUE(append(*log, 7, 100'000, record_at(1, true)));

  log.reset();
  writer_.reset();
  open_writer(config_);
  EXPECT_EQ(writer_->statistics().huge_page_bytes, huge.huge_page_bytes) << "and keeps them at a takeover";
  EXPECT_EQ(info_of(*open_reader(), 7).committed, 1U);
}

TEST_F(Arena, HasOneWriter) {
  open_writer();
  const auto second = ArenaWriter::open(config_);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, "media.in_use");
}

TEST_F(Arena, IsNotFoundBeforeItsWriterMadeIt) {
  const auto reader = ArenaReader::open(directory_.path(), "test", "unit-test");
  ASSERT_FALSE(reader);
  EXPECT_EQ(reader.error().code, "media.not_found");
  open_writer();
  auto log = create(describe("cam", 7));
  auto opened = open_reader();
  EXPECT_EQ(opened->open_log(log->slot(), PublicationId{8}, 0).error().code, "media.not_found");
  EXPECT_EQ(opened->open_log(SlotIndex{1'000'000}, PublicationId{7}, 0).error().code, "media.not_found");
}

}  // namespace
}  // namespace millrace::media
