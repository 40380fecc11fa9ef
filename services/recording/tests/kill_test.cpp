// The real program, killed with -9 again and again while publications are written to the log: afterwards
// every sample of every publication is in a finished file exactly once. No other service runs: recording
// needs only the log.

#include <gtest/gtest.h>

#include <chrono>
#include <csignal>
#include <random>
#include <thread>

#include "part_file.hpp"
#include "program.hpp"

namespace millrace::recording {
namespace {

using namespace std::chrono_literals;

using KilledRecorder = test::ProgramTest;
using test::Program;
using test::wait_until;

TEST_F(KilledRecorder, LosesAndRepeatsNothing) {
  constexpr int kKills = 25;
  std::mt19937 random(20261120);
  std::uniform_int_distribution<int> life_ms(0, 900);
  std::uniform_int_distribution<int> change(0, 5);
  std::map<std::uint64_t, std::uint64_t> committed;
  std::uint64_t publication_id = 1;
  // Every other time the encoder is cut off and comes back: its file goes on with the next publication.
  const auto end_reason = [&] {
    return publication_id % 2 == 0 ? media::LogEnd::kUnpublished : media::LogEnd::kDisconnected;
  };
  auto publisher = std::make_unique<test::Publisher>(*arena_, publication_id);
  // What is made from it is in the log all the time, and in no file.
  constexpr std::uint64_t kRendition = 1000;
  const auto ladder = test::make_arena(log_directory_, 32U << 20, "ladder");
  test::Publisher rendition(*ladder, test::Publisher::describe_rendition(kRendition, "360p"));
  // A new file at every second key frame.
  const std::map<std::string, std::string> rotating = {{"RECORDING_MAX_SECONDS", "2"}};
  for (int i = 0; i < kKills; ++i) {
    Program program(home_, log_directory_, rotating);
    const int until_ms = life_ms(random);
    for (int ms = 0; ms < until_ms; ms += 20) {
      publisher->turns(3);
      rendition.turns(3);
      std::this_thread::sleep_for(20ms);
    }
    const int what = change(random);
    if (what == 1) publisher->configure_video(64 + 2 * static_cast<std::uint32_t>(i));
    if (what == 3) publisher->change_parameter_sets(static_cast<std::uint8_t>(100 + i % 4));
    if (what == 2) {
      publisher->log().end(end_reason());
      committed[publication_id] = publisher->log().committed();
      publisher = std::make_unique<test::Publisher>(*arena_, ++publication_id);
    }
    program.stop(SIGKILL);
    publisher->turns(3);
  }
  publisher->log().end(media::LogEnd::kUnpublished);
  committed[publication_id] = publisher->log().committed();

  Program program(home_, log_directory_);
  std::map<std::uint64_t, std::map<std::uint64_t, int>> found;
  const auto complete = [&] {
    if (!nothing_unfinished()) return false;
    found.clear();
    for (const std::string& name : test::files(directory_, FileState::kFinished)) {
      const Bytes file = test::read_file(directory_ + "/" + name);
      for (const auto& [publication, records] : test::recorded(file)) {
        for (const auto& [sequence, count] : records) found[publication][sequence] += count;
      }
    }
    return found.contains(publication_id) && found[publication_id].size() == committed[publication_id];
  };
  EXPECT_TRUE(wait_until(complete, 60s));
  EXPECT_FALSE(found.contains(kRendition));
  for (const auto& [publication, records] : committed) {
    EXPECT_EQ(found[publication].size(), records) << "publication " << publication;
    for (const auto& [sequence, count] : found[publication])
      EXPECT_EQ(count, 1) << publication << "/" << sequence;
  }
}

TEST_F(KilledRecorder, RefusesASecondRecorderOnItsDirectory) {
  test::Publisher publisher(*arena_, 81);
  publisher.turns(60);
  auto first = std::make_unique<Program>(home_, log_directory_);
  ASSERT_TRUE(wait_until([&] { return !test::files(directory_, FileState::kPart).empty(); }, 60s));
  const std::string other_home = scratch_.path() + "/other";
  const std::map<std::string, std::string> same_directory = {{"MEDIA_ROOT", home_ + "/media"}};
  std::filesystem::create_directories(other_home);
  testing::internal::CaptureStderr();
  const int status = Program(other_home, log_directory_, same_directory).wait();
  const std::string told = testing::internal::GetCapturedStderr();
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 70) << status;
  EXPECT_NE(told.find("in use by another recorder: process " + std::to_string(first->pid())),
            std::string::npos)
      << told;
  // However it ends, the next one may have it.
  first->stop(SIGKILL);
  publisher.log().end(media::LogEnd::kUnpublished);
  const Program next(other_home, log_directory_, same_directory);
  ASSERT_TRUE(wait_until(
      [&] { return nothing_unfinished() && !test::files(directory_, FileState::kFinished).empty(); }, 60s));
  EXPECT_EQ(test::files(directory_, FileState::kFinished).size(), 1U);
  test::expect_whole(directory_, 81, publisher.log().committed());
}

// Killed after each cut and after each return: it is one recording all the same.
TEST_F(KilledRecorder, MakesOneRecordingOfAStreamThatIsCutAgainAndAgain) {
  constexpr std::uint64_t kPublications = 5;
  std::map<std::uint64_t, std::uint64_t> committed;
  auto program = std::make_unique<Program>(home_, log_directory_);
  for (std::uint64_t id = 1; id <= kPublications; ++id) {
    test::Publisher publisher(*arena_, id);
    publisher.turns(60);
    const auto in_a_file = [&] {
      const auto parts = test::files(directory_, FileState::kPart);
      if (parts.empty()) return false;
      const auto content = read_part(directory_ + "/" + parts[0]);
      return content && *content && (*content)->resume.journal.publication_id == PublicationId{id};
    };
    if (id % 2 == 0) {
      EXPECT_TRUE(wait_until(in_a_file, 60s)) << id;
    }
    program->stop(SIGKILL);
    publisher.turns(20);
    publisher.log().end(id == kPublications ? media::LogEnd::kUnpublished : media::LogEnd::kDisconnected);
    committed[id] = publisher.log().committed();
    program = std::make_unique<Program>(home_, log_directory_);
  }
  ASSERT_TRUE(wait_until(
      [&] { return nothing_unfinished() && !test::files(directory_, FileState::kFinished).empty(); }, 60s));
  EXPECT_EQ(test::files(directory_, FileState::kFinished).size(), 1U);
  for (const auto& [id, count] : committed) test::expect_whole(directory_, id, count);
}

TEST_F(KilledRecorder, FinishesAFileThatWaitsForItsEncoderWhenEverythingStops) {
  test::Publisher publisher(*arena_, 79);
  publisher.turns(100);
  publisher.log().end(media::LogEnd::kDisconnected);
  Program program(home_, log_directory_);
  ASSERT_TRUE(wait_until([&] { return !test::files(directory_, FileState::kPart).empty(); }, 60s));
  const int status = program.stop(SIGTERM);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
  EXPECT_TRUE(nothing_unfinished());
  test::expect_whole(directory_, 79, publisher.log().committed());
}

TEST_F(KilledRecorder, ContinuesTheFileOfALivePublicationAfterATermination) {
  test::Publisher publisher(*arena_, 77);
  publisher.turns(100);
  {
    Program program(home_, log_directory_);
    ASSERT_TRUE(wait_until([&] { return !test::files(directory_, FileState::kPart).empty(); }, 60s));
    const int status = program.stop(SIGTERM);
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
  }
  EXPECT_EQ(test::files(directory_, FileState::kPart).size(), 1U);
  publisher.turns(100);
  publisher.log().end(media::LogEnd::kUnpublished);
  const Program program(home_, log_directory_);
  ASSERT_TRUE(wait_until(
      [&] { return nothing_unfinished() && !test::files(directory_, FileState::kFinished).empty(); }, 60s));
  EXPECT_EQ(test::files(directory_, FileState::kFinished).size(), 1U);
  test::expect_whole(directory_, 77, publisher.log().committed());
}

TEST_F(KilledRecorder, FinishesFilesWhenEverythingStops) {
  test::Publisher publisher(*arena_, 78);
  publisher.turns(100);
  Program program(home_, log_directory_);
  ASSERT_TRUE(wait_until([&] { return !test::files(directory_, FileState::kPart).empty(); }, 60s));
  publisher.turns(30);
  publisher.log().end(media::LogEnd::kDrained);
  const int status = program.stop(SIGTERM);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
  EXPECT_TRUE(nothing_unfinished());
  test::expect_whole(directory_, 78, publisher.log().committed());
}

}  // namespace
}  // namespace millrace::recording
