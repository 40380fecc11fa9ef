// A writer that died or was restarted, another geometry, a damaged file.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstddef>
#include <fstream>

#include "base/clock.hpp"
#include "media/arena_reader.hpp"
#include "media/arena_test_support.hpp"
#include "media/arena_writer.hpp"
#include "media/cursor_table.hpp"

namespace millrace::media {
namespace {

using testing::append;
using testing::copy;
using testing::describe;
using testing::pattern;
using testing::record_at;
using testing::small_arena;

class ArenaTakeover : public testing::ArenaFixture {
 protected:
  // Runs body in a process of its own, which body kills at its end.
  template <class Body>
  void in_killed_process(Body body) {
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      body();
      ::_exit(1);
    }
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status)) << "the child failed";
  }
  void publish_and_die(const ArenaConfig& config, std::uint64_t publication, int blocks) {
    in_killed_process([&] {
      auto writer = ArenaWriter::open(config);
      if (!writer) ::_exit(1);
      auto log = (*writer)->create_log(describe("cam", publication));
      if (!log || !(*log)->add_configuration({}, {}, pattern(publication, 1, 9))) ::_exit(2);
      config_ = config;
      fill_blocks(**log, publication, blocks, monotonic_us());
      SampleRecord last = record_at(monotonic_us());
      last.media_sequence = 1000 + publication;
      last.discontinuity_sequence = static_cast<std::uint32_t>(10'000 + publication);
      (*log)->set_target_duration_s(3);
      if (!append(**log, publication, 20, last) || !(*log)->reserve(100)) ::_exit(3);
      ::raise(SIGKILL);  // before any destructor
    });
  }
  static void expect_all_readable(ArenaReader& reader, const LogInfo& info, std::size_t size) {
    auto cursor = reader.open_log(info.slot, info.publication_id, info.first);
    ASSERT_TRUE(cursor);
    for (std::uint64_t s = info.first; s + 1 < info.committed; ++s) {
      const auto sample = cursor->at(s);
      ASSERT_TRUE(sample) << s;
      EXPECT_EQ(copy(sample->payload), pattern(number_of(info.publication_id), s, size));
    }
    EXPECT_EQ(cursor->configuration(0)->bytes, pattern(number_of(info.publication_id), 1, 9));
  }
};

TEST_F(ArenaTakeover, EndsLiveLogsAndKeepsEveryRecord) {
  const ArenaConfig config = small_arena(directory_.path());
  publish_and_die(config, 7, 5);
  open_writer(config);
  auto reader = open_reader();
  const LogInfo info = info_of(*reader, 7);
  EXPECT_EQ(info.end, LogEnd::kWriterLost);
  EXPECT_EQ(info.committed, 21U);
  expect_all_readable(*reader, info, 1008);
  EXPECT_EQ(writer_->statistics().logs_ended, 1U);
}

TEST_F(ArenaTakeover, AReaderFromBeforeGoesOn) {
  const ArenaConfig config = small_arena(directory_.path());
  publish_and_die(config, 7, 5);
  auto reader = open_reader();
  const LogInfo before = info_of(*reader, 7);
  EXPECT_EQ(before.end, LogEnd::kLive) << "nobody has said otherwise yet";
  auto cursor = reader->open_log(before.slot, PublicationId{7}, 20);
  ASSERT_TRUE(std::holds_alternative<LogReader::Sample>(cursor->read()));
  cursor->advance();
  EXPECT_TRUE(std::holds_alternative<LogReader::Nothing>(cursor->read()));
  open_writer(config);
  const auto read = cursor->read();
  ASSERT_TRUE(std::holds_alternative<LogReader::Ended>(read));
  EXPECT_EQ(std::get<LogReader::Ended>(read).reason, LogEnd::kWriterLost);
  EXPECT_TRUE(reader->current());
}

TEST_F(ArenaTakeover, ContinuesTheStreamsNumbers) {
  const ArenaConfig config = small_arena(directory_.path());
  publish_and_die(config, 7, 1);
  publish_and_die(config, 9, 1);
  open_writer(config);
  const StreamContinuation left = writer_->continuation({"cam"});
  EXPECT_TRUE(left.found);
  EXPECT_EQ(left.epoch, Epoch{9});
  EXPECT_EQ(left.last_media_sequence, 1009U);
  EXPECT_EQ(left.last_discontinuity_sequence, 10'009U);
  EXPECT_EQ(left.target_duration_s, 3U);
  EXPECT_FALSE(writer_->continuation({"other"}).found);
  // Still known when the records' time is over, as long as the slot is not needed.
  writer_->maintain(monotonic_us() + 3'600'000'000);
  EXPECT_EQ(writer_->statistics().logs_ended, 0U);
  EXPECT_EQ(writer_->continuation({"cam"}).last_media_sequence, 1009U);
  EXPECT_EQ(writer_->continuation({"cam"}).target_duration_s, 0U) << "no playlist of it is left";
}

TEST_F(ArenaTakeover, GoesOnRecyclingWhatItFound) {
  const ArenaConfig config = small_arena(directory_.path());
  publish_and_die(config, 7, 20);
  open_writer(config);
  auto log = create(describe("new", 8));
  fill_blocks(*log, 8, 60);
  EXPECT_EQ(writer_->statistics().free_bytes, 0U);
  auto reader = open_reader();
  expect_all_readable(*reader, info_of(*reader, 7), 1008);
}

// The writer dies between giving records up (the log's first record has moved on) and the blocks' new
// generations.
TEST_F(ArenaTakeover, BytesThatADyingWriterGaveUpAreNotTakenForIntact) {
  const ArenaConfig config = small_arena(directory_.path());
  publish_and_die(config, 7, 5);
  auto reader = open_reader();
  auto cursor = reader->open_log(info_of(*reader, 7).slot, PublicationId{7}, 0);
  const auto used_in_place = cursor->at(0);
  ASSERT_TRUE(used_in_place);
  {
    const auto file = open_file(directory_.path() + "/test.arena", O_RDWR);
    const auto geometry = read_geometry(*file);
    const auto mapping = SharedMapping::map(*file, geometry->file_bytes(), SharedMapping::Access::kReadWrite);
    ArenaView(mapping->data(), *geometry).slot(info_of(*reader, 7).slot).first.store(8);
  }
  open_writer(config);
  EXPECT_FALSE(cursor->intact(used_in_place->record)) << "the block is free: it may be written at any time";
  const auto kept = cursor->at(8);
  ASSERT_TRUE(kept);
  EXPECT_EQ(copy(kept->payload), pattern(7, 8, 1008));
}

TEST_F(ArenaTakeover, SurvivesManyInARow) {
  const ArenaConfig config = small_arena(directory_.path());
  for (std::uint64_t publication = 1; publication <= 30; ++publication) {
    publish_and_die(config, publication, 6);
  }
  open_writer(config);
  auto reader = open_reader();
  for (const LogInfo& info : reader->logs()) expect_all_readable(*reader, info, 1008);
  writer_->maintain(monotonic_us() + 3'600'000'000);
  EXPECT_EQ(writer_->statistics().free_bytes, writer_->statistics().total_bytes) << "no block is lost";
}

TEST_F(ArenaTakeover, AnotherGeometryMakesANewArena) {
  open_writer(small_arena(directory_.path(), 32));
  auto log = create(describe("cam", 7));
  ASSERT_TRUE(append(*log, 7, 100));
  auto reader = open_reader();
  auto cursor = reader->open_log(log->slot(), PublicationId{7}, 1);
  EXPECT_TRUE(reader->current());
  log.reset();
  // The dead writer's log would be live for ever: its process is gone and its file has been replaced.
  open_writer(small_arena(directory_.path(), 48));
  EXPECT_FALSE(reader->current());
  EXPECT_TRUE(std::holds_alternative<LogReader::Ended>(cursor->read()));
  auto again = open_reader();
  EXPECT_TRUE(again->current());
  EXPECT_TRUE(again->logs().empty());
}

TEST_F(ArenaTakeover, AFileOfAnotherVersionMakesANewArena) {
  open_writer(small_arena(directory_.path(), 32));
  auto log = create(describe("cam", 7));
  ASSERT_TRUE(append(*log, 7, 100));
  auto reader = open_reader();
  log.reset();
  writer_.reset();
  {
    std::fstream file(directory_.path() + "/test.arena", std::ios::binary | std::ios::in | std::ios::out);
    file.seekp(offsetof(ArenaHeader, version)).put(1);
  }
  const auto none = ArenaReader::open(directory_.path(), "test", "unit-test");
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code, "media.damaged");
  open_writer(config_);
  EXPECT_FALSE(reader->current());
  EXPECT_TRUE(open_reader()->logs().empty());
  EXPECT_FALSE(writer_->continuation({"cam"}).found);
}

TEST_F(ArenaTakeover, ADeletedArenaIsNotCurrentThoughItsRecordsStay) {
  open_writer(small_arena(directory_.path(), 32));
  auto log = create(describe("cam", 7));
  ASSERT_TRUE(append(*log, 7, 100));
  auto reader = open_reader();
  std::filesystem::remove(directory_.path() + "/test.arena");
  EXPECT_FALSE(reader->current());
  EXPECT_EQ(reader->logs().size(), 1U);
}

TEST_F(ArenaTakeover, ALogInADeletedArenaEndsWhenItsWriterHasDied) {
  const ArenaConfig config = small_arena(directory_.path());
  publish_and_die(config, 7, 1);
  auto reader = open_reader();
  auto cursor = reader->open_log(info_of(*reader, 7).slot, PublicationId{7}, 4);
  std::filesystem::remove(directory_.path() + "/test.arena");
  ASSERT_TRUE(std::holds_alternative<LogReader::Sample>(cursor->read()));
  cursor->advance();
  EXPECT_TRUE(std::holds_alternative<LogReader::Ended>(cursor->read()))
      << "no successor takes over what is not in place";
  open_writer(config);
  EXPECT_TRUE(std::holds_alternative<LogReader::Ended>(cursor->read()));
}

TEST_F(ArenaTakeover, ALogInADeletedArenaGoesOnAsLongAsItsWriterLives) {
  open_writer(small_arena(directory_.path()));
  auto log = create(describe("cam", 7));
  auto reader = open_reader();
  auto cursor = reader->open_log(info_of(*reader, 7).slot, PublicationId{7}, 0);
  std::filesystem::remove(directory_.path() + "/test.arena");
  EXPECT_TRUE(std::holds_alternative<LogReader::Nothing>(cursor->read()));
  ASSERT_TRUE(append(*log, 7, 100));
  EXPECT_TRUE(std::holds_alternative<LogReader::Sample>(cursor->read()));
}

TEST_F(ArenaTakeover, AFileThatIsNoArenaIsReplaced) {
  const ArenaConfig config = small_arena(directory_.path());
  for (const std::size_t size : {0UL, 100UL, 5000UL, 300'000UL}) {
    std::ofstream(directory_.path() + "/test.arena") << std::string(size, 'x');
    std::ofstream(directory_.path() + "/test.cursors") << std::string(size, 'x');
    EXPECT_FALSE(ArenaReader::open(directory_.path(), "test", "unit-test"));
    open_writer(config);
    auto log = create(describe("cam", 7));
    ASSERT_TRUE(append(*log, 7, 100));
    auto reader = open_reader();
    EXPECT_EQ(info_of(*reader, 7).committed, 1U);
    log.reset();
    writer_.reset();
  }
}

TEST_F(ArenaTakeover, ADeadReadersCursorIsDropped) {
  const ArenaConfig config = small_arena(directory_.path());
  open_writer(config);
  auto log = create(describe("cam", 7));
  fill_blocks(*log, 7, 6, 0);
  in_killed_process([&] {
    auto reader = ArenaReader::open(directory_.path(), "test", "victim");
    auto cursor = (*reader)->open_log(log->slot(), PublicationId{7}, 0);
    // The copies that fork made of the writer's objects must not end the log when this process goes.
    if (!cursor) ::_exit(1);
    writer_->maintain(70'000'000);
    if (writer_->statistics().readers != 1) ::_exit(2);
    ::raise(SIGKILL);
  });
  writer_->maintain(70'000'000);
  EXPECT_EQ(writer_->statistics().readers, 0U);
  auto reader = open_reader();
  EXPECT_EQ(info_of(*reader, 7).first, 20U);
}

TEST_F(ArenaTakeover, GarbageInTheCursorFileOnlyHoldsRecordsBack) {
  const ArenaConfig config = small_arena(directory_.path());
  open_writer(config);
  auto log = create(describe("cam", 7));
  auto reader = open_reader();
  auto cursor = reader->open_log(log->slot(), PublicationId{7}, 0);
  std::uint64_t state = 12345;
  for (int round = 0; round < 50; ++round) {
    std::fstream file(directory_.path() + "/test.cursors", std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(8 + (round % 10) * 4096);
    for (int i = 0; i < 4000; ++i) {
      state = state * 6364136223846793005ULL + 1442695040888963407ULL;
      file.put(static_cast<char>(state >> 56));
    }
    file.close();
    fill_blocks(*log, 7, 3, round);
    writer_->maintain(round);
  }
  EXPECT_EQ(log->committed(), 50U * 12);
}

TEST_F(ArenaTakeover, ACursorFileCutShortIsReplaced) {
  const ArenaConfig config = small_arena(directory_.path());
  open_writer(config);
  auto log = create(describe("cam", 7));
  std::filesystem::resize_file(directory_.path() + "/test.cursors", 100);
  fill_blocks(*log, 7, 40);
  writer_->maintain(0);
  EXPECT_EQ(log->committed(), 160U);
  auto reader = open_reader();
  EXPECT_TRUE(reader->open_log(log->slot(), PublicationId{7}, 150));
}

TEST_F(ArenaTakeover, AsManyReadersAsTheTableHas) {
  open_writer();
  std::vector<std::unique_ptr<ArenaReader>> readers;
  for (std::uint32_t i = 0; i < kMaxReaders; ++i) readers.push_back(open_reader());
  const auto one_more = ArenaReader::open(directory_.path(), "test", "unit-test");
  ASSERT_FALSE(one_more);
  EXPECT_EQ(one_more.error().code, "media.too_many_readers");
  readers.pop_back();
  EXPECT_TRUE(open_reader());
}

}  // namespace
}  // namespace millrace::media
