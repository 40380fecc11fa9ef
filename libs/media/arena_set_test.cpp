// All arenas of a directory: what appears, what is replaced, what goes.
#include "media/arena_set.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "media/arena_test_samples.hpp"

namespace millrace::media {
namespace {

using testing::append;
using testing::describe;
using testing::small_arena;

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
    EXPECT_TRUE(append(**log, description.publication_id, 10));
    return std::move(*log);
  }
  static LogDescription rendition_of(std::uint64_t origin, std::uint64_t publication) {
    LogDescription description = describe("cam", publication);
    description.role = LogRole::kRendition;
    description.rendition = "360p";
    description.origin_publication_id = origin;
    return description;
  }
  // Publication ids, in the set's order.
  std::vector<std::uint64_t> found(LogRole role) const {
    std::vector<std::uint64_t> ids;
    for (const FoundLog& log : set_.logs(role)) ids.push_back(log.info.publication_id);
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
  EXPECT_TRUE(log.arena->open_log(log.info.slot, 2, 0));
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

}  // namespace
}  // namespace millrace::media
