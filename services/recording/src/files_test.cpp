// What becomes of the files of a recording: where one ends and the next begins, room, locks, damage.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "../tests/recording_fixture.hpp"
#include "catalogue.hpp"
#include "containers/mp4/init_segment.hpp"
#include "directory_lock.hpp"
#include "file_io.hpp"
#include "log_scanner.hpp"
#include "recordings/private_mark.hpp"

namespace millrace::recording {
namespace {

using test::Publisher;
using FilesTest = test::RecordingTest;

TEST_F(FilesTest, GoesOnInTheFileWhereParameterSetsChange) {
  Publisher publisher(*arena_, 61);
  for (std::uint8_t i = 0; i < 6; ++i) {
    publisher.change_parameter_sets(static_cast<std::uint8_t>(100 + i % 3));
    publisher.turns(30);
    Recording recording = open(publisher);  // and killed between
    run(recording);
  }
  publisher.log().end(media::LogEnd::kUnpublished);
  Recording recording = open(publisher);
  EXPECT_TRUE(run(recording).ended);
  EXPECT_EQ(test::files(directory_, FileState::kFinished).size(), 1U);
  test::expect_whole(directory_, 61, publisher.log().committed());
}

TEST_F(FilesTest, MakesFilesOfALimitedLengthAndLosesNothing) {
  constexpr FileLimits kLimits{.duration_us = 3'000'000};
  Publisher publisher(*arena_, 62, true, 4U << 20, 64, true);
  publisher.turns(100);
  {
    Recording recording = open(publisher, kLimits);
    run(recording);  // and killed behind the first change
  }
  publisher.turns(200);
  publisher.log().end(media::LogEnd::kUnpublished);
  Recording recording = open(publisher, kLimits);
  EXPECT_TRUE(run(recording).ended);
  const auto names = test::files(directory_, FileState::kFinished);
  EXPECT_EQ(names,
            (std::vector<std::string>{"s1-2026-11-18T11-06-40.123Z.mp4", "s1-2026-11-18T11-06-43.123Z.mp4",
                                      "s1-2026-11-18T11-06-46.123Z.mp4", "s1-2026-11-18T11-06-49.123Z.mp4"}));
  test::expect_whole(directory_, 62, publisher.log().committed());
  for (const std::string& name : names) {
    const auto tracks = mp4::test::read_finished(test::read_file(directory_ + "/" + name)).value();
    EXPECT_EQ(tracks.at(0).samples.size(), 75U) << name;
    EXPECT_TRUE(tracks.at(0).samples.front().key);
    const std::string stem = recordings::parse_file_name(name)->stem;
    EXPECT_TRUE(std::filesystem::exists(directory_ + "/" + recordings::private_mark(stem)))
        << "private as the whole is";
  }
}

// Killed anywhere, with the files cut off anywhere: before, at and behind a change of files.
TEST_F(FilesTest, GoesOnOverAChangeOfFilesAfterACrashAnywhere) {
  constexpr FileLimits kLimits{.duration_us = 1'000'000};
  Publisher publisher(*arena_, 63);
  publisher.turns(60);
  {
    Recording recording = open(publisher, kLimits);
    recording.step(monotonic_us());
    recording.suspend(monotonic_us());
  }
  publisher.turns(10);
  publisher.log().end(media::LogEnd::kUnpublished);
  std::map<std::string, Bytes> parts;
  for (const std::string& name : test::files(directory_, FileState::kPart))
    parts[name] = test::read_file(directory_ + "/" + name);
  ASSERT_EQ(parts.size(), 3U);
  for (const auto& [torn, whole] : parts) {
    for (std::size_t size = 0; size <= whole.size(); size += 499) {
      SCOPED_TRACE(torn + " " + std::to_string(size));
      std::filesystem::remove_all(directory_);
      std::filesystem::create_directories(directory_);
      for (const auto& [name, bytes] : parts) {
        if (name > torn) break;
        std::ofstream(directory_ + "/" + name, std::ios::binary)
            .write(reinterpret_cast<const char*>(bytes.data()),
                   static_cast<std::streamsize>(name == torn ? size : bytes.size()));
      }
      Recording again = open(publisher, kLimits);
      EXPECT_TRUE(run(again).ended);
      const auto left = find_parts(directory_).value();
      for (const PartOwner& part : left) finish(part.stem);
      test::expect_whole(directory_, 63, publisher.log().committed());
    }
  }
}

TEST_F(FilesTest, MakesFilesOfALimitedLengthOverAReconnect) {
  constexpr RecordingLimits kLimits{.file = {.duration_us = 2'000'000}};
  Publisher cut(*arena_, 64);
  cut.turns(30);
  cut.log().end(media::LogEnd::kDisconnected);
  Recording first = std::move(Recording::open(*reader_, info_of(cut), directory_, kLimits).value());
  run(first, kReturn);
  Publisher back(*arena_, 65);
  back.turns(100);
  Recording second =
      std::move(Recording::open(*reader_, info_of(back), directory_, kLimits, [&](std::int64_t arrival_us) {
                  return first.hand_over(arrival_us, kReturn.grace_us);
                }).value());
  run(second, kReturn);
  back.turns(60);
  back.log().end(media::LogEnd::kUnpublished);
  EXPECT_TRUE(run(second, kReturn).ended);
  const auto names = test::files(directory_, FileState::kFinished);
  ASSERT_GE(names.size(), 3U);
  EXPECT_EQ(test::recorded(test::read_file(directory_ + "/" + names[0])).size(), 2U)
      << "the first holds both";
  test::expect_whole(directory_, 64, cut.log().committed());
  test::expect_whole(directory_, 65, back.log().committed());
  for (const Publisher* publisher : {&cut, &back}) {  // nothing is recorded again
    Recording again = std::move(Recording::open(*reader_, info_of(*publisher), directory_, kLimits).value());
    EXPECT_TRUE(run(again).ended);
  }
  EXPECT_EQ(test::files(directory_, FileState::kFinished), names);
}

// It says that a track changed its size in the middle: nothing that can be finished.
TEST_F(FilesTest, PutsADamagedPartAside) {
  const std::string stem = "s1-2026-11-18T11-06-40.123Z";
  std::filesystem::create_directories(directory_);
  mp4::Track other = mp4::test::video_track();
  other.width = 128;
  Bytes bytes = mp4::init_segment(std::array{mp4::test::video_track()});
  for (const Bytes& piece : {write_journal({PublicationId{1}, 0, {}}), mp4::init_segment(std::array{other}),
                             write_journal({PublicationId{1}, 1, {}})})
    bytes.insert(bytes.end(), piece.begin(), piece.end());
  std::ofstream(directory_ + "/" + stem + ".part.mp4", std::ios::binary)
      .write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
  const std::atomic<bool> stop{false};
  const auto finished = finish_file(directory_, stem, stop);
  ASSERT_FALSE(finished);
  EXPECT_EQ(finished.error().code, "recording.damaged");
  EXPECT_NE(finished.error().message.find(stem + ".damaged.part.mp4"), std::string::npos);
  EXPECT_EQ(test::read_file(directory_ + "/" + stem + ".damaged.part.mp4"), bytes);
  EXPECT_TRUE(find_parts(directory_).value().empty()) << "nobody tries again";
  EXPECT_TRUE(test::files(directory_, FileState::kFinishing).empty());
}

// Without room nothing is written, and some is left for what is being recorded.
TEST_F(FilesTest, ReservesRoomBeforeItFinishes) {
  std::filesystem::create_directories(directory_);
  const auto fd = open_file(directory_ + "/file", O_RDWR | O_CREAT).value();
  struct statvfs system {};
  ASSERT_EQ(::fstatvfs(fd.get(), &system), 0);
  const std::uint64_t free = system.f_bavail * system.f_frsize;
  EXPECT_EQ(reserve(fd.get(), free).error().code, "recording.disk_full") << "the last byte stays free";
  EXPECT_EQ(file_size(fd.get()).value(), 0U);
  ASSERT_TRUE(reserve(fd.get(), 100'000));
  struct stat status {};
  ASSERT_EQ(::fstat(fd.get(), &status), 0);
  EXPECT_EQ(status.st_size, 100'000);
  EXPECT_GE(status.st_blocks * 512, 100'000);
}

TEST_F(FilesTest, LocksItsDirectory) {
  DirectoryLock first;
  DirectoryLock second;
  ASSERT_TRUE(first.take(directory_));
  ASSERT_TRUE(first.take(directory_));
  const auto refused = second.take(directory_);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, "recording.locked");
  EXPECT_NE(refused.error().message.find("process " + std::to_string(::getpid())), std::string::npos);
  LogScanner scanner(scratch_.path() + "/log", directory_);
  const Publisher publisher(*arena_, 66);
  EXPECT_TRUE(scanner.look().logs.empty()) << "nothing is recorded without the lock";
  EXPECT_EQ(scanner.look().file_error->code, "recording.locked");
  std::filesystem::remove_all(directory_);  // a new directory is a new lock
  ASSERT_TRUE(first.take(directory_));
  EXPECT_FALSE(second.take(directory_));
  first = DirectoryLock();
  EXPECT_EQ(scanner.look().logs.size(), 1U);
  EXPECT_FALSE(second.take(directory_));
}

}  // namespace
}  // namespace millrace::recording
