// All arenas of a directory: what appears, what is replaced, what goes.
#include "media/arena_set.hpp"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <fstream>

#include "media/arena_test_samples.hpp"

namespace millrace::media {
namespace {

using testing::append;
using testing::describe;
using testing::small_arena;

// A process of its own that has written a log of ten records and waits.
class KilledWriter {
 public:
  KilledWriter(const std::string& directory, const std::string& name) {
    std::array<int, 2> ready{};
    EXPECT_EQ(::pipe(ready.data()), 0);
    pid_ = ::fork();
    if (pid_ == 0) write_and_wait(directory, name, ready[1]);
    ::close(ready[1]);
    char byte = 0;
    EXPECT_EQ(::read(ready[0], &byte, 1), 1);
    ::close(ready[0]);
  }
  ~KilledWriter() { kill(); }
  KilledWriter(const KilledWriter&) = delete;
  KilledWriter& operator=(const KilledWriter&) = delete;
  void kill() const {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    pid_ = 0;
  }

 private:
  [[noreturn]] static void write_and_wait(const std::string& directory, const std::string& name, int ready) {
    ArenaConfig config = small_arena(directory, 32);
    config.name = name;
    const auto arena = ArenaWriter::open(config).value();
    const auto log = arena->create_log(describe("cam", 1)).value();
    for (int i = 0; i < 10; ++i) (void)append(*log, 1, 10);
    (void)!::write(ready, "x", 1);
    while (true) ::pause();
  }
  mutable pid_t pid_ = -1;
};

class ArenaSetTest : public ::testing::Test {
 protected:
  std::unique_ptr<ArenaWriter> open_writer(const std::string& name, std::uint32_t blocks = 32) {
    ArenaConfig config = small_arena(directory_.path(), blocks);
    config.name = name;
    auto writer = ArenaWriter::open(config);
    EXPECT_TRUE(writer) << writer.error().message;
    return writer ? std::move(*writer) : nullptr;
  }
  static std::unique_ptr<LogWriter> make_log(ArenaWriter& arena, const LogDescription& description) {
    auto log = arena.create_log(description);
    EXPECT_TRUE(log) << log.error().message;
    if (!log) return nullptr;
    EXPECT_TRUE(append(**log, number_of(description.publication_id), 10));
    return std::move(*log);
  }
  static LogDescription rendition_of(std::uint64_t origin, std::uint64_t publication) {
    LogDescription description = describe("cam", publication);
    description.role = LogRole::kRendition;
    description.rendition = "360p";
    description.origin_publication_id = PublicationId{origin};
    return description;
  }
  // Publication ids, in the set's order.
  std::vector<std::uint64_t> found(LogRole role) const {
    std::vector<std::uint64_t> ids;
    for (const FoundLog& log : set_.logs(role)) ids.push_back(number_of(log.info.publication_id));
    return ids;
  }
  std::string path(const std::string& name) const { return arena_path(directory_.path(), name); }
  using Ids = std::vector<std::uint64_t>;

  testing::ScratchDirectory directory_;
  ArenaSet set_{directory_.path(), "unit-test"};
};

TEST_F(ArenaSetTest, IsEmptyWhereThereIsNoDirectoryYet) {
  ArenaSet none(directory_.path() + "/none", "unit-test");
  EXPECT_TRUE(none.refresh());
  EXPECT_TRUE(none.empty());
}

TEST_F(ArenaSetTest, HasTheLogsOfAllArenasByRoleInTheOrderOfTheirEpochs) {
  const auto one = open_writer("ingest");
  const auto newer = make_log(*one, describe("cam", 3));
  const auto rendition = make_log(*one, rendition_of(3, 30));
  ASSERT_TRUE(set_.refresh());
  EXPECT_EQ(found(LogRole::kSource), Ids{3});
  const auto two = open_writer("another");
  const auto older = make_log(*two, describe("cam", 2));
  const auto other = make_log(*two, describe("a-stream", 9));
  ASSERT_TRUE(set_.refresh());
  EXPECT_EQ(found(LogRole::kSource), (Ids{9, 2, 3})) << "a stream that moved from one writer to another";
  EXPECT_EQ(found(LogRole::kRendition), Ids{30});
  const FoundLog log = set_.logs(LogRole::kSource)[1];
  EXPECT_EQ(log.arena->name(), "another");
  EXPECT_TRUE(log.arena->open_log(log.info.slot, PublicationId{2}, 0));
}

// Slots say nothing across arenas.
TEST_F(ArenaSetTest, TakesTheLiveLogForTheCurrentOneWhereEpochsAreTheSame) {
  const auto one = open_writer("a");
  const auto two = open_writer("b");
  const auto filler = make_log(*one, describe("other", 1));
  LogDescription description = describe("cam", 9);
  description.epoch = Epoch{5};
  description.started_wall = WallTime::from_us(2'000);
  const auto ended = make_log(*one, description);
  ended->end(LogEnd::kDisconnected);
  description.publication_id = PublicationId{8};
  description.started_wall = WallTime::from_us(1'000);
  const auto live = make_log(*two, description);
  ASSERT_TRUE(set_.refresh());
  EXPECT_EQ(found(LogRole::kSource), (Ids{9, 8, 1}));
  live->end(LogEnd::kDisconnected);
  EXPECT_EQ(found(LogRole::kSource), (Ids{8, 9, 1})) << "the one that began later";
}

TEST_F(ArenaSetTest, OpensAnArenaAgainThatWasReplaced) {
  auto writer = open_writer("ingest", 32);
  make_log(*writer, describe("cam", 1)).reset();
  ASSERT_TRUE(set_.refresh());
  const auto before = set_.arenas().at("ingest");
  writer.reset();
  writer = open_writer("ingest", 40);
  const auto log = make_log(*writer, describe("cam", 2));
  ASSERT_TRUE(set_.refresh());
  EXPECT_NE(set_.arenas().at("ingest"), before);
  EXPECT_EQ(found(LogRole::kSource), Ids{2});
}

TEST_F(ArenaSetTest, LetsGoOfAnArenaThatIsGoneOnceNoLogOfItIsLive) {
  auto writer = open_writer("child");
  auto log = make_log(*writer, describe("cam", 1));
  ASSERT_TRUE(set_.refresh());
  std::filesystem::remove(path("child"));
  const Result<void> deleted = set_.refresh();
  ASSERT_FALSE(deleted);
  EXPECT_EQ(deleted.error().code, "media.deleted");
  EXPECT_EQ(found(LogRole::kSource), Ids{1}) << "its writer and its readers go on";
  log->end(LogEnd::kUnpublished);
  EXPECT_TRUE(set_.refresh());
  EXPECT_TRUE(set_.empty());
}

TEST_F(ArenaSetTest, ReadsTheOthersWhereOneIsDamaged) {
  const auto writer = open_writer("ingest");
  const auto log = make_log(*writer, describe("cam", 1));
  std::ofstream(path("broken")) << "no arena";
  std::ofstream(path("fresh") + ".new") << "not one yet";
  const Result<void> refreshed = set_.refresh();
  ASSERT_FALSE(refreshed);
  EXPECT_EQ(refreshed.error().code, "media.damaged");
  EXPECT_EQ(found(LogRole::kSource), Ids{1});
  std::filesystem::remove(path("broken"));
  EXPECT_TRUE(set_.refresh());
}

// As if its writer had been killed and its file deleted: the log in it is live for ever.
TEST_F(ArenaSetTest, LetsGoOfADeletedArenaWhoseWriterWasKilled) {
  const KilledWriter killed(directory_.path(), "child");
  ASSERT_TRUE(set_.refresh());
  ASSERT_EQ(found(LogRole::kSource), Ids{1});
  const FoundLog log = set_.logs(LogRole::kSource)[0];
  auto reader = log.arena->open_log(log.info.slot, PublicationId{1}, 10);
  ASSERT_TRUE(reader);
  EXPECT_TRUE(std::holds_alternative<LogReader::Nothing>(reader->read()));
  killed.kill();
  EXPECT_TRUE(std::holds_alternative<LogReader::Nothing>(reader->read())) << "a successor may come";
  std::filesystem::remove(path("child"));
  EXPECT_TRUE(set_.refresh());
  EXPECT_TRUE(set_.empty());
  const auto read = reader->read();
  ASSERT_TRUE(std::holds_alternative<LogReader::Ended>(read));
  EXPECT_EQ(std::get<LogReader::Ended>(read).reason, LogEnd::kWriterLost);
}

TEST_F(ArenaSetTest, TakesUpTheFileOfTheSuccessorOfAKilledWriter) {
  const KilledWriter killed(directory_.path(), "child");
  ASSERT_TRUE(set_.refresh());
  const auto before = set_.arenas().at("child");
  killed.kill();
  const auto writer = open_writer("child", 40);
  ASSERT_TRUE(set_.refresh());
  EXPECT_NE(set_.arenas().at("child"), before);
  EXPECT_EQ(found(LogRole::kSource), Ids{});
}

// Of another version: it can't be opened, and the mapping of the file before it is good for nothing.
TEST_F(ArenaSetTest, LetsGoOfAnArenaThatAFileOfAnotherVersionReplaced) {
  const KilledWriter killed(directory_.path(), "child");
  ASSERT_TRUE(set_.refresh());
  killed.kill();
  std::ofstream(path("child") + ".new") << "a later version's";
  std::filesystem::rename(path("child") + ".new", path("child"));
  const Result<void> refreshed = set_.refresh();
  ASSERT_FALSE(refreshed);
  EXPECT_EQ(refreshed.error().code, "media.damaged");
  EXPECT_TRUE(set_.empty());
}

// Times out without it: opening a FIFO waits for a writer.
TEST_F(ArenaSetTest, PassesOverWhatIsNoRegularFile) {
  const auto writer = open_writer("ingest");
  const auto log = make_log(*writer, describe("cam", 1));
  ASSERT_EQ(::mkfifo(path("pipe").c_str(), 0600), 0);
  std::filesystem::create_directory(path("directory"));
  std::filesystem::create_symlink(path("ingest"), path("link"));
  std::filesystem::copy_file(directory_.path() + "/ingest.cursors", directory_.path() + "/link.cursors");
  const Result<void> refreshed = set_.refresh();
  EXPECT_TRUE(refreshed) << refreshed.error().message;
  EXPECT_EQ(found(LogRole::kSource), Ids{1});
  for (const char* name : {"pipe", "directory", "link"})
    EXPECT_FALSE(ArenaReader::open(directory_.path(), name, "unit-test")) << name;
}

TEST_F(ArenaSetTest, ReportsAnArenaWithoutItsCursors) {
  const auto writer = open_writer("ingest");
  const auto log = make_log(*writer, describe("cam", 1));
  std::filesystem::remove(directory_.path() + "/ingest.cursors");
  const Result<void> refreshed = set_.refresh();
  ASSERT_FALSE(refreshed);
  EXPECT_EQ(refreshed.error().code, "media.no_cursors");
}

// Of a file that could never be read nobody has a reader.
TEST_F(ArenaSetTest, HidesWhatAnotherSetHasReadWhileTheFileIsThere) {
  const auto writer = open_writer("ingest");
  const auto log = make_log(*writer, describe("cam", 1));
  std::ofstream(path("broken")) << "no arena";
  EXPECT_FALSE(set_.refresh());
  const auto reader = set_.arenas().at("ingest");
  EXPECT_FALSE(set_.hides(*reader));
  std::filesystem::remove(directory_.path() + "/ingest.cursors");
  ArenaSet other(directory_.path(), "unit-test");
  EXPECT_FALSE(other.refresh());
  EXPECT_TRUE(other.hides(*reader));
  std::filesystem::rename(path("broken"), path("ingest"));
  EXPECT_FALSE(other.refresh());
  EXPECT_FALSE(other.hides(*reader)) << "it is another file";
  std::filesystem::remove(path("ingest"));
  EXPECT_TRUE(other.refresh());
  EXPECT_FALSE(other.hides(*reader));
}

}  // namespace
}  // namespace millrace::media
