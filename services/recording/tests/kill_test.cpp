// The real program, killed with -9 again and again while publications are written to the log: afterwards
// every sample of every publication is in a finished file exactly once. No other service runs: recording
// needs only the log.

#include <gtest/gtest.h>

#include <chrono>
#include <csignal>
#include <random>
#include <thread>

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
  std::uniform_int_distribution<int> change(0, 4);
  std::map<std::uint64_t, std::uint64_t> committed;
  std::uint64_t publication_id = 1;
  auto publisher = std::make_unique<test::Publisher>(*arena_, publication_id);
  for (int i = 0; i < kKills; ++i) {
    Program program(home_, log_directory_);
    const int until_ms = life_ms(random);
    for (int ms = 0; ms < until_ms; ms += 20) {
      publisher->turns(3);
      std::this_thread::sleep_for(20ms);
    }
    const int what = change(random);
    if (what == 1) publisher->configure_video(64 + 2 * static_cast<std::uint32_t>(i));
    if (what == 2) {
      publisher->log().end(media::LogEnd::kUnpublished);
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
      const auto tracks = mp4::test::read_finished(file);
      if (!tracks || tracks->empty()) return false;
      const auto& sample = tracks->front().samples.front();
      const std::uint64_t publication = ByteReader(ByteView(file).subspan(sample.offset)).u64();
      for (const auto& [sequence, count] : test::recorded(file, publication))
        found[publication][sequence] += count;
    }
    return found.contains(publication_id) && found[publication_id].size() == committed[publication_id];
  };
  EXPECT_TRUE(wait_until(complete, 60s));
  for (const auto& [publication, records] : committed) {
    EXPECT_EQ(found[publication].size(), records) << "publication " << publication;
    for (const auto& [sequence, count] : found[publication])
      EXPECT_EQ(count, 1) << publication << "/" << sequence;
  }
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
