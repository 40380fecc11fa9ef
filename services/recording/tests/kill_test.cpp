// The real program, killed with -9 again and again while publications are written to the log: afterwards
// every sample of every publication is in a finished file exactly once. No other service runs: recording
// needs only the log.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <functional>
#include <random>
#include <thread>

#include "support.hpp"

namespace millrace::recording {
namespace {

using namespace std::chrono_literals;

class Program {
 public:
  explicit Program(const std::string& home, const std::string& log_directory) {
    pid_ = ::fork();
    if (pid_ != 0) return;
    ::setenv("MILLRACE_HOME", home.c_str(), 1);
    ::setenv("MEDIA_LOG_DIR", log_directory.c_str(), 1);
    ::setenv("RECORDING_OPS_PORT", "0", 1);
    ::setenv("LOG_LEVEL", "error", 1);
    ::execl(RECORDING_PROGRAM, RECORDING_PROGRAM, nullptr);
    ::_exit(127);
  }
  ~Program() { stop(SIGKILL); }
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;

  // The exit status as waitpid has it.
  int stop(int signal) {
    if (pid_ <= 0) return 0;
    int status = 0;
    ::kill(pid_, signal);
    ::waitpid(pid_, &status, 0);
    pid_ = -1;
    return status;
  }

 private:
  pid_t pid_ = -1;
};

bool wait_until(const std::function<bool()>& condition, std::chrono::seconds patience) {
  const auto deadline = std::chrono::steady_clock::now() + patience;
  while (!condition()) {
    if (std::chrono::steady_clock::now() >= deadline) return false;
    std::this_thread::sleep_for(20ms);
  }
  return true;
}

class KilledRecorder : public testing::Test {
 protected:
  void SetUp() override {
    std::filesystem::create_directories(home_);
    arena_ = test::make_arena(log_directory_);
    ASSERT_NE(arena_, nullptr);
  }
  bool nothing_unfinished() const {
    return test::files(directory_, FileState::kPart).empty() &&
           test::files(directory_, FileState::kFinishing).empty();
  }

  test::ScratchDirectory scratch_;
  const std::string home_ = scratch_.path() + "/home";
  const std::string directory_ = home_ + "/media/vod";
  const std::string log_directory_ = scratch_.path() + "/log";
  std::unique_ptr<media::ArenaWriter> arena_;
};

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
