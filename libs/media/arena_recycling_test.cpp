// Admission, borrowing, recycling by space and by time, and what readers see of it.
#include <gmock/gmock.h>

#include "base/clock.hpp"
#include "media/arena_reader.hpp"
#include "media/arena_test_support.hpp"
#include "media/arena_writer.hpp"

namespace millrace::media {
namespace {

using testing::append;
using testing::copy;
using testing::describe;
using testing::pattern;
using testing::record_at;
using testing::small_arena;

constexpr std::int64_t kSecond = 1'000'000;

class ArenaRecycling : public testing::ArenaFixture {
 protected:
  std::uint64_t free_blocks() const { return writer_->statistics().free_bytes / config_.block_bytes; }
};

TEST_F(ArenaRecycling, RefusesALogThatCantBePromisedItsShare) {
  open_writer(32);
  auto a = create(describe("a", 1, 16 * 4096));
  auto b = create(describe("b", 2, 16 * 4096));
  const auto c = writer_->create_log(describe("c", 3, 4096));
  ASSERT_FALSE(c);
  EXPECT_EQ(c.error().code, "media.arena_full");
  fill_blocks(*a, 1, 40);
  fill_blocks(*b, 2, 40);
  EXPECT_GE(a->held_bytes(), 15U * 4096) << "nobody else is harmed";
  EXPECT_GE(b->held_bytes(), 15U * 4096);
  a->end(LogEnd::kUnpublished);
  EXPECT_TRUE(writer_->create_log(describe("c", 3, 4096))) << "an ended log's promise is free again";
}

TEST_F(ArenaRecycling, RefusesALogWhenAllSlotsAreLive) {
  ArenaConfig config = small_arena(directory_.path());
  config.max_logs = 2;
  open_writer(config);
  auto a = create(describe("a", 1));
  auto b = create(describe("b", 2));
  EXPECT_EQ(writer_->create_log(describe("c", 3)).error().code, "media.arena_full");
  a->end(LogEnd::kUnpublished);
  auto c = create(describe("c", 3));
  EXPECT_EQ(c->slot(), a->slot()) << "the ended log makes room";
}

TEST_F(ArenaRecycling, BorrowsFreeBlocksUpToTheMaximum) {
  open_writer(32);
  LogDescription description = describe("a", 1, 16384);
  description.retention.max_bytes = 20 * 4096;
  auto log = create(description);
  fill_blocks(*log, 1, 100);
  // An index block that has just become free may not be needed again yet.
  EXPECT_LE(log->held_bytes(), 20U * 4096);
  EXPECT_GE(log->held_bytes(), 19U * 4096);
  EXPECT_EQ(free_blocks(), 32U - log->held_bytes() / 4096);
}

TEST_F(ArenaRecycling, TakesBorrowedBlocksBackForALogUnderItsPromise) {
  open_writer(32);
  auto a = create(describe("a", 1, 16384));
  fill_blocks(*a, 1, 60);
  EXPECT_EQ(free_blocks(), 0U);
  auto b = create(describe("b", 2, 16 * 4096));
  fill_blocks(*b, 2, 12);
  auto reader = open_reader();
  EXPECT_EQ(info_of(*reader, 2).first, 0U) << "everything of b is kept";
  EXPECT_GT(info_of(*reader, 1).first, 0U);
  EXPECT_GE(a->held_bytes(), 4U * 4096);
}

TEST_F(ArenaRecycling, NeverTakesWhatWasPromised) {
  open_writer(32);
  auto a = create(describe("a", 1, 12 * 4096));
  fill_blocks(*a, 1, 9);
  auto b = create(describe("b", 2, 8 * 4096));
  fill_blocks(*b, 2, 200);
  auto reader = open_reader();
  EXPECT_EQ(info_of(*reader, 1).first, 0U);
}

TEST_F(ArenaRecycling, BorrowersKeepTheSameTimeWhateverTheirBitRate) {
  open_writer(64);
  auto heavy = create(describe("heavy", 1, 16384));
  auto light = create(describe("light", 2, 16384));
  for (std::int64_t second = 0; second < 60; ++second) {
    fill_blocks(*heavy, 1, 4, second * kSecond);
    fill_blocks(*light, 2, 1, second * kSecond);
  }
  auto reader = open_reader();
  const auto oldest_us = [&](const LogWriter& log, std::uint64_t publication) {
    auto cursor = reader->open_log(log.slot(), PublicationId{publication}, 0);
    return cursor->at(cursor->info().first)->record.arrival_us;
  };
  EXPECT_LE(std::abs(oldest_us(*heavy, 1) - oldest_us(*light, 2)), 3 * kSecond);
  EXPECT_LT(oldest_us(*light, 2), 52 * kSecond) << "about ten seconds fit";
}

TEST_F(ArenaRecycling, RecyclesWhatNoReaderNeedsFirst) {
  open_writer(32);
  auto a = create(describe("a", 1, 16384));
  fill_blocks(*a, 1, 12);
  auto b = create(describe("b", 2, 16384));
  fill_blocks(*b, 2, 10);
  auto reader = open_reader();
  auto pinned = reader->open_log(a->slot(), PublicationId{1}, 0);
  ASSERT_TRUE(pinned);
  auto c = create(describe("c", 3, 8 * 4096));
  fill_blocks(*c, 3, 6);
  // a holds more beyond its promise than b, but a reader needs it.
  EXPECT_EQ(info_of(*reader, 1).first, 0U);
  EXPECT_GT(info_of(*reader, 2).first, 0U);
  EXPECT_EQ(writer_->statistics().records_recycled_under_cursor, 0U);
}

TEST_F(ArenaRecycling, TellsAReaderThatItsRecordsHadToGo) {
  open_writer(32);
  auto a = create(describe("a", 1, 16384));
  ASSERT_TRUE(a->add_configuration({}, {}, {}));
  fill_blocks(*a, 1, 20);
  auto reader = open_reader();
  auto cursor = reader->open_log(a->slot(), PublicationId{1}, 0);
  const auto sample = cursor->read();
  ASSERT_TRUE(std::holds_alternative<LogReader::Sample>(sample));
  const SampleRecord held = std::get<LogReader::Sample>(sample).record;
  fill_blocks(*a, 1, 40);
  EXPECT_GT(writer_->statistics().records_recycled_under_cursor, 0U);
  EXPECT_FALSE(cursor->intact(held)) << "who used the bytes in place learns it";
  const auto read = cursor->read();
  ASSERT_TRUE(std::holds_alternative<LogReader::Lagged>(read));
  const std::uint64_t next = std::get<LogReader::Lagged>(read).next_key;
  EXPECT_EQ(next % 8, 0U) << "key frames are every eighth record here";
  EXPECT_GE(next, info_of(*reader, 1).first);
  EXPECT_LT(next, info_of(*reader, 1).first + 8);
  cursor->seek(next);
  ASSERT_TRUE(std::holds_alternative<LogReader::Sample>(cursor->read()));
  EXPECT_EQ(copy(std::get<LogReader::Sample>(cursor->read()).payload), pattern(1, next, 1008));
  EXPECT_FALSE(cursor->at(0));
}

TEST_F(ArenaRecycling, LaggedNamesTheOldestRecordWhereThereIsNoKeyFrame) {
  open_writer(32);
  auto log = create(describe("a", 1, 16384));
  auto reader = open_reader();
  auto cursor = reader->open_log(log->slot(), PublicationId{1}, 0);
  for (int i = 0; i < 200; ++i) ASSERT_TRUE(append(*log, 1, 1000, record_at(i)));
  const auto read = cursor->read();
  ASSERT_TRUE(std::holds_alternative<LogReader::Lagged>(read));
  EXPECT_EQ(std::get<LogReader::Lagged>(read).next_key, info_of(*reader, 1).first);
}

TEST_F(ArenaRecycling, RecyclesByTimeWhatNoReaderNeeds) {
  open_writer(32);
  auto log = create(describe("a", 1));
  fill_blocks(*log, 1, 6, 0);
  fill_blocks(*log, 1, 2, 50 * kSecond);
  writer_->maintain(60 * kSecond);
  auto reader = open_reader();
  EXPECT_EQ(info_of(*reader, 1).first, 0U) << "not older than keep_us";
  writer_->maintain(61 * kSecond);
  EXPECT_EQ(info_of(*reader, 1).first, 24U);
  EXPECT_EQ(info_of(*reader, 1).committed, 32U);
}

TEST_F(ArenaRecycling, KeepsWhatACursorNeedsUpToTheLimit) {
  open_writer(32);
  auto log = create(describe("a", 1));
  fill_blocks(*log, 1, 6, 0);
  auto reader = open_reader();
  auto cursor = reader->open_log(log->slot(), PublicationId{1}, 0);
  cursor->seek(9);
  fill_blocks(*log, 1, 1, 110 * kSecond);
  writer_->maintain(119 * kSecond);
  EXPECT_EQ(info_of(*reader, 1).first, 8U) << "from the block that the cursor is in";
  writer_->maintain(121 * kSecond);
  EXPECT_EQ(info_of(*reader, 1).first, 24U);
  EXPECT_TRUE(std::holds_alternative<LogReader::Lagged>(cursor->read()));
}

TEST_F(ArenaRecycling, HoldKeepsRecordsBehindTheCursor) {
  open_writer(32);
  auto log = create(describe("a", 1));
  fill_blocks(*log, 1, 6, 0);
  auto reader = open_reader();
  auto cursor = reader->open_log(log->slot(), PublicationId{1}, 0);
  cursor->hold(5);
  cursor->seek(20);
  writer_->maintain(70 * kSecond);
  EXPECT_EQ(info_of(*reader, 1).first, 4U);
  cursor->hold(20);
  writer_->maintain(71 * kSecond);
  EXPECT_EQ(info_of(*reader, 1).first, 20U);
}

TEST_F(ArenaRecycling, FreesACursorWithItsReader) {
  open_writer(32);
  auto log = create(describe("a", 1));
  fill_blocks(*log, 1, 6, 0);
  {
    auto reader = open_reader();
    auto cursor = reader->open_log(log->slot(), PublicationId{1}, 0);
    writer_->maintain(70 * kSecond);
    EXPECT_EQ(writer_->statistics().readers, 1U);
    EXPECT_EQ(info_of(*reader, 1).first, 0U);
  }
  writer_->maintain(71 * kSecond);
  EXPECT_EQ(writer_->statistics().readers, 0U);
  auto reader = open_reader();
  EXPECT_EQ(info_of(*reader, 1).first, 20U) << "all but the block that is being filled";
}

TEST_F(ArenaRecycling, FreesAnEndedLogWhenItsTimeIsOver) {
  open_writer(32);
  auto log = create(describe("a", 1));
  fill_blocks(*log, 1, 6, 0);
  log->end(LogEnd::kUnpublished);
  const std::int64_t now = monotonic_us();
  EXPECT_EQ(writer_->statistics().logs_ended, 1U);
  auto reader = open_reader();
  auto cursor = reader->open_log(log->slot(), PublicationId{1}, 20);
  writer_->maintain(now + 61 * kSecond);
  EXPECT_EQ(writer_->statistics().logs_ended, 1U) << "a reader is still at it";
  writer_->maintain(now + 122 * kSecond);
  EXPECT_EQ(writer_->statistics().logs_ended, 0U);
  EXPECT_EQ(free_blocks(), 32U);
  const auto read = cursor->read();
  ASSERT_TRUE(std::holds_alternative<LogReader::Ended>(read));
  EXPECT_TRUE(reader->logs().empty());
  EXPECT_EQ(cursor->info().first, cursor->info().committed);
}

TEST_F(ArenaRecycling, AStoppedReaderOfOldLogsDoesNotPushOutTheNewest) {
  ArenaConfig config = small_arena(directory_.path());
  config.max_logs = 2;
  open_writer(config);
  auto a = create(describe("a", 1));
  fill_blocks(*a, 1, 2, 0);
  auto reader = open_reader();
  auto stopped = reader->open_log(a->slot(), PublicationId{1}, 0);
  ASSERT_TRUE(stopped);
  a->end(LogEnd::kUnpublished);
  auto b = create(describe("b", 2));
  fill_blocks(*b, 2, 2, 0);
  b->end(LogEnd::kUnpublished);
  auto c = create(describe("c", 3));
  EXPECT_EQ(c->slot(), a->slot()) << "b has just ended: its readers may not have come yet";
  EXPECT_EQ(info_of(*reader, 2).committed, 8U);
}

TEST_F(ArenaRecycling, AReaderOfAReusedSlotIsToldTheEnd) {
  ArenaConfig config = small_arena(directory_.path());
  config.max_logs = 1;
  open_writer(config);
  auto a = create(describe("a", 1));
  fill_blocks(*a, 1, 2, 0);
  auto reader = open_reader();
  auto cursor = reader->open_log(a->slot(), PublicationId{1}, 3);
  a->end(LogEnd::kTimedOut);
  ASSERT_TRUE(std::holds_alternative<LogReader::Sample>(cursor->read()));
  auto b = create(describe("b", 2));
  fill_blocks(*b, 2, 2, 0);
  const auto read = cursor->read();
  ASSERT_TRUE(std::holds_alternative<LogReader::Ended>(read));
  EXPECT_EQ(std::get<LogReader::Ended>(read).reason, LogEnd::kTimedOut);
  EXPECT_FALSE(cursor->at(3));
  EXPECT_FALSE(cursor->newest_key());
  EXPECT_EQ(cursor->info().publication_id, PublicationId{1});
}

TEST_F(ArenaRecycling, FindsRoomForLargeSamplesInAFullArena) {
  open_writer(64);
  std::vector<std::unique_ptr<LogWriter>> logs;
  for (std::uint64_t i = 1; i <= 4; ++i)
    logs.push_back(create(describe("s" + std::to_string(i), i, 16 * 4096)));
  // Small samples of all logs in turn scatter their blocks; then each also has samples of three and a half
  // blocks.
  for (int round = 0; round < 200; ++round) {
    for (std::uint64_t i = 1; i <= 4; ++i) {
      const bool large = round >= 50 && (round + i) % 10 == 0;
      ASSERT_TRUE(append(*logs[i - 1], i, large ? 14'000 : 1000, record_at(round, large))) << round;
    }
  }
  auto reader = open_reader();
  for (std::uint64_t i = 1; i <= 4; ++i) {
    const LogInfo info = info_of(*reader, i);
    auto cursor = reader->open_log(info.slot, PublicationId{i}, 0);
    for (std::uint64_t s = info.first; s < info.committed; ++s) {
      const auto sample = cursor->at(s);
      ASSERT_TRUE(sample) << s;
      EXPECT_EQ(copy(sample->payload), pattern(i, s, sample->payload.size()));
    }
  }
}

TEST_F(ArenaRecycling, KeepsGoingWhenTheIndexOfTinySamplesIsFull) {
  open_writer(600);
  LogDescription description = describe("a", 1);
  auto log = create(description);
  const std::uint64_t records = 256ULL * (4096 / sizeof(SampleRecord)) + 5000;
  for (std::uint64_t i = 0; i < records; ++i) ASSERT_TRUE(append(*log, 1, 1));
  auto reader = open_reader();
  const LogInfo info = info_of(*reader, 1);
  EXPECT_EQ(info.committed, records);
  EXPECT_GT(info.first, 0U);
  auto cursor = reader->open_log(info.slot, PublicationId{1}, 0);
  for (std::uint64_t s = info.first; s < info.committed; ++s) ASSERT_TRUE(cursor->at(s)) << s;
}

}  // namespace
}  // namespace millrace::media
