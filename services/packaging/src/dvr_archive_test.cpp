// Recordings of streams in the directory, found when they are asked for.
#include "dvr_archive.hpp"

#include <atomic>
#include <filesystem>
#include <future>
#include <mutex>
#include <optional>
#include <thread>

#include "dvr_fixture.hpp"

namespace millrace::packaging {
namespace {

using DvrArchiveTest = DvrTest;

TEST_F(DvrArchiveTest, FindsAStreamsFilesOnceEachAndOnlyThoseOfTheWindow) {
  for (const char* const name :
       {"s1-2026-11-20T10-00-00.000Z.mp4", "s1-2026-11-20T11-00-00.000Z.mp4",
        "s1-2026-11-20T12-00-00.000Z.part.mp4", "s1-2026-11-20T12-00-00.000Z.mp4",
        "s1-2026-11-20T12-00-00.000Z.finishing.part.mp4", "s1-2026-11-20T13-00-00.000Z.damaged.part.mp4",
        "s2-2026-11-20T12-00-00.000Z.mp4", "holiday.mp4", ".recorder"})
    write_file(directory_.path() + "/" + name, {});
  RecordingNames names(directory_.path());
  const WallTime now = WallTime::from_us(2'000'000'000'000'000);
  const auto found = names.of("s1", 90LL * 60 * 1'000'000, now);
  ASSERT_TRUE(found);
  ASSERT_EQ(found->size(), 3U) << "the one of 10:00 may go on up to 11:00, an hour before the newest";
  EXPECT_EQ(found->back().state, recordings::FileState::kFinished);
  EXPECT_EQ(names.of("s1", 30LL * 60 * 1'000'000, now)->size(), 1U + 1U);
  EXPECT_TRUE(names.of("s3", kHourUs, now)->empty());
  EXPECT_FALSE(RecordingNames(directory_.path() + "/none").of("s1", kHourUs, now));
  // At 11:30 the clock was ahead when 12:00 began: the others go by 11:00.
  const WallTime earlier = WallTime::from_us(1'795'174'200'000'000);
  EXPECT_EQ(names.of("s1", 30LL * 60 * 1'000'000, earlier)->size(), 3U);
}

TEST_F(DvrArchiveTest, ReportsOnceThatTheDirectoryCannotBeRead) {
  std::mutex mutex;
  std::vector<std::string> problems;
  std::atomic<int> answers = 0;
  DvrArchive archive(directory_.path() + "/none", kHourUs, [&](const std::string& problem) {
    const std::lock_guard lock(mutex);
    problems.push_back(problem);
  });
  const auto ask = [&] {
    const int before = answers;
    archive.find("s1", false, 0, [&](const DvrArchive::Stream* stream) {
      EXPECT_TRUE(stream != nullptr && stream->recorded->segments.empty());
      ++answers;
    });
    while (answers == before) std::this_thread::yield();
  };
  ask();
  ask();
  std::filesystem::create_directory(directory_.path() + "/none");
  ask();
  const std::lock_guard lock(mutex);
  ASSERT_EQ(problems.size(), 2U);
  EXPECT_NE(problems[0].find("No such file"), std::string::npos);
  EXPECT_EQ(problems[1], "");
}

// A directory that cannot be looked at for a moment has not lost its files.
TEST_F(DvrArchiveTest, KeepsWhatItKnowsWhereItCannotLook) {
  TestPublisher publisher(*arena_, {});
  publisher.groups(3);
  open(PublicationId{0xA1});
  record();
  const std::size_t segments = read()->segments.size();
  ASSERT_GT(segments, 0U);
  const std::string aside = logs_.path() + "/aside";
  const auto hide = [&] {
    std::filesystem::rename(directory_.path(), aside);
    write_file(directory_.path(), {});
  };
  const auto show = [&] {
    std::filesystem::remove(directory_.path());
    std::filesystem::rename(aside, directory_.path());
  };
  DvrArchive archive(directory_.path(), kHourUs);
  std::int64_t now_us = 0;
  const auto ask = [&](bool is_live) -> std::optional<std::size_t> {
    now_us += DvrArchive::kFreshUs;
    std::promise<std::optional<std::size_t>> found;
    archive.find("s1", is_live, now_us, [&](const DvrArchive::Stream* stream) {
      found.set_value(stream == nullptr ? std::nullopt : std::optional(stream->recorded->segments.size()));
    });
    return found.get_future().get();
  };
  hide();
  EXPECT_EQ(ask(true), std::nullopt) << "never seen: not now";
  EXPECT_EQ(ask(false), std::nullopt);
  show();
  EXPECT_EQ(ask(true), segments);
  hide();
  EXPECT_EQ(ask(true), segments);
  EXPECT_EQ(ask(false), segments);
  show();
  EXPECT_EQ(ask(true), segments);
}

// Anybody may ask for anything: that there is none is known for a while.
TEST_F(DvrArchiveTest, AnswersForStreamsWithoutRecordingsWithoutLookingAgain) {
  DvrArchive archive(directory_.path(), kHourUs);
  std::atomic<int> answers = 0;
  std::atomic<std::thread::id> answered_by{};
  const auto ask = [&](const char* stream, std::int64_t now_us) {
    const int before = answers;
    archive.find(stream, false, now_us, [&](const DvrArchive::Stream* found) {
      EXPECT_TRUE(found != nullptr && found->recorded->segments.empty());
      answered_by = std::this_thread::get_id();
      ++answers;
    });
    while (answers == before) std::this_thread::yield();
    return answered_by.load() == std::this_thread::get_id();
  };
  EXPECT_FALSE(ask("s1", 1'000));
  EXPECT_TRUE(ask("s1", 2'000));
  EXPECT_TRUE(ask("s2", 3'000)) << "the same look says it of all";
  EXPECT_FALSE(ask("s2", 3'000 + DvrArchive::kFreshUs));
}

}  // namespace
}  // namespace millrace::packaging
