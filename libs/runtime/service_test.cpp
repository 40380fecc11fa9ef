// run_service in a process of its own: exit codes, signals, ports file.
#include "runtime/service.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <thread>

namespace millrace::runtime {
namespace {

using ::testing::HasSubstr;

class ServiceTest : public ::testing::Test {
 protected:
  ServiceTest() {
    std::string path = "/tmp/millrace-service-XXXXXX";
    home_ = ::mkdtemp(path.data());
  }
  ~ServiceTest() override {
    if (pid_ > 0) {
      ::kill(pid_, SIGKILL);
      ::waitpid(pid_, nullptr, 0);
    }
    if (output_ != nullptr) ::fclose(output_);
    std::filesystem::remove_all(home_);
  }

  void start(std::vector<std::string> arguments, std::vector<std::string> environment = {}) {
    int ends[2];
    ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
    posix_spawn_file_actions_t files;
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_adddup2(&files, ends[1], STDOUT_FILENO);
    posix_spawn_file_actions_addopen(&files, STDERR_FILENO, (home_ + "/stderr").c_str(), O_WRONLY | O_CREAT,
                                     0600);
    arguments.insert(arguments.begin(), SERVICE_PROBE_PROGRAM);
    environment.push_back("MILLRACE_HOME=" + home_ + "/state");
    std::vector<char*> argv = pointers(arguments);
    std::vector<char*> envp = pointers(environment);
    ASSERT_EQ(::posix_spawn(&pid_, SERVICE_PROBE_PROGRAM, &files, nullptr, argv.data(), envp.data()), 0);
    posix_spawn_file_actions_destroy(&files);
    ::close(ends[1]);
    output_ = ::fdopen(ends[0], "r");
  }
  static std::vector<char*> pointers(std::vector<std::string>& texts) {
    std::vector<char*> result;
    result.reserve(texts.size() + 1);
    for (std::string& text : texts) result.push_back(text.data());
    result.push_back(nullptr);
    return result;
  }
  // The next line of standard output; empty at its end.
  std::string line() {
    char text[4096];
    if (std::fgets(text, sizeof text, output_) == nullptr) return {};
    std::string result = text;
    if (result.ends_with('\n')) result.pop_back();
    return result;
  }
  int exit_code() {
    int status = 0;
    ::waitpid(pid_, &status, 0);
    pid_ = 0;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
  }
  // Nothing: it had to be killed.
  std::optional<int> exit_code_within(std::chrono::seconds time) {
    const auto until = std::chrono::steady_clock::now() + time;
    siginfo_t ended{};
    while (::waitid(P_PID, static_cast<id_t>(pid_), &ended, WEXITED | WNOHANG | WNOWAIT) == 0 &&
           ended.si_pid == 0) {
      if (std::chrono::steady_clock::now() >= until) return std::nullopt;
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    return exit_code();
  }
  std::string errors() const { return contents(home_ + "/stderr"); }
  static std::string contents(const std::string& path) {
    std::ifstream file(path);
    return {std::istreambuf_iterator<char>(file), {}};
  }

  std::string home_;
  pid_t pid_ = 0;
  FILE* output_ = nullptr;
  std::atomic<bool> reloaded_{false};
};

TEST_F(ServiceTest, PrintsItsConfiguration) {
  start({"--config-markdown"});
  std::string page;
  for (std::string next = line(); !next.empty(); next = line()) page += next + "\n";
  EXPECT_EQ(exit_code(), 0);
  for (const char* name : {"MILLRACE_HOME", "DRAIN_SECONDS", "LOG_FORMAT", "LOG_LEVEL", "PROBE_START"}) {
    EXPECT_THAT(page, HasSubstr(name));
  }
}

TEST_F(ServiceTest, SaysWhatItIsWhateverItsConfiguration) {
  start({"--help"}, {"DRAIN_SECONDS=soon"});
  EXPECT_EQ(line(), "millrace-probe: is started by tests");
  std::string page;
  for (std::string next = line(); !next.empty() || page.empty(); next = line()) page += next + "\n";
  EXPECT_THAT(page, HasSubstr("--config-markdown"));
  EXPECT_THAT(page, HasSubstr("--answer"));
  EXPECT_EQ(exit_code(), 0);
}

TEST_F(ServiceTest, TellsBadStartsApartByTheirExitCodeAndOneClearLine) {
  struct Case {
    std::vector<std::string> arguments, environment;
    int code;
    std::string line;
  };
  const Case cases[] = {
      {{"--what"}, {}, 64, "unknown option --what"},
      {{}, {"DRAIN_SECONDS=soon"}, 64, "DRAIN_SECONDS"},
      {{}, {"LOG_LEVEL=loud"}, 64, "LOG_LEVEL"},
      {{}, {"PROBE_START=config"}, 64, "millrace-probe: PROBE must be something else\n"},
      {{}, {"PROBE_START=busy"}, 69, "millrace-probe: port 1935 (RTMP_PORT) is in use\n"},
      {{}, {"PROBE_START=fails"}, 70, "millrace-probe: cannot start\n"},
      {{}, {"PROBE_START=throws"}, 70, "millrace-probe: thrown by start\n"},
      {{"--answer"}, {}, 42, ""},
  };
  for (const Case& c : cases) {
    std::filesystem::remove(home_ + "/stderr");
    start(c.arguments, c.environment);
    EXPECT_EQ(exit_code(), c.code) << c.line;
    EXPECT_THAT(errors(), HasSubstr(c.line));
    ::fclose(std::exchange(output_, nullptr));
  }
}

TEST_F(ServiceTest, DrainsAndExitsWithZeroOnEitherSignal) {
  for (const int number : {SIGTERM, SIGINT}) {
    start({});
    EXPECT_EQ(line(), "ready");
    ::kill(pid_, number);
    EXPECT_EQ(line(), "draining");
    EXPECT_EQ(exit_code(), 0);
    ::fclose(std::exchange(output_, nullptr));
  }
}

TEST_F(ServiceTest, ReadsAnewOnHangUpAndGoesOn) {
  start({}, {"PROBE_RELOADS=1"});
  EXPECT_EQ(line(), "ready");
  // It is ready a moment before it listens to the signal: again until it has.
  std::thread hang_up([this] {
    for (int i = 0; i < 200 && !reloaded_; ++i) {
      ::kill(pid_, SIGHUP);
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
  });
  EXPECT_EQ(line(), "reloaded");
  reloaded_ = true;
  hang_up.join();
  ::kill(pid_, SIGTERM);
  EXPECT_EQ(exit_code(), 0);
}

TEST_F(ServiceTest, IgnoresHangUpWhenThereIsNothingToReadAnew) {
  start({});
  EXPECT_EQ(line(), "ready");
  ::kill(pid_, SIGHUP);
  ::kill(pid_, SIGTERM);
  EXPECT_EQ(line(), "draining");
  EXPECT_EQ(exit_code(), 0);
}

TEST_F(ServiceTest, EndsAtOnceOnTheSecondSignal) {
  start({}, {"PROBE_DRAIN=hangs", "DRAIN_SECONDS=3600"});
  EXPECT_EQ(line(), "ready");
  ::kill(pid_, SIGTERM);
  EXPECT_EQ(line(), "draining");
  ::kill(pid_, SIGTERM);
  EXPECT_EQ(exit_code(), 128 + SIGTERM);
}

TEST_F(ServiceTest, CutsADrainOffThatTakesTooLong) {
  start({}, {"PROBE_DRAIN=hangs", "DRAIN_SECONDS=0"});
  EXPECT_EQ(line(), "ready");
  ::kill(pid_, SIGTERM);
  EXPECT_EQ(exit_code(), 70);
  EXPECT_THAT(errors(), HasSubstr("drain took too long"));
}

TEST_F(ServiceTest, CutsOffWhatBlocksAfterTheDrain) {
  start({}, {"PROBE_END=hangs", "DRAIN_SECONDS=0"});
  EXPECT_EQ(line(), "ready");
  ::kill(pid_, SIGTERM);
  EXPECT_EQ(line(), "draining");
  EXPECT_EQ(line(), "ending");
  EXPECT_EQ(exit_code_within(std::chrono::seconds(20)), 70);
  EXPECT_THAT(errors(), HasSubstr("drain took too long"));
}

// TSan's own end of a process flushes stderr, and so waits for whoever writes there.
#ifndef __SANITIZE_THREAD__
// Whoever read the log is gone, the pipe is full.
TEST_F(ServiceTest, CutsOffAlsoWhenTheLogBlocks) {
  const std::string path = home_ + "/stderr";
  ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
  const int log = ::open(path.c_str(), O_RDWR | O_NONBLOCK | O_CLOEXEC);
  start({}, {"PROBE_DRAIN=hangs", "DRAIN_SECONDS=0"});
  EXPECT_EQ(line(), "ready");
  ::kill(pid_, SIGTERM);
  EXPECT_EQ(line(), "draining");
  const std::string page(4096, ' ');
  while (::write(log, page.data(), page.size()) > 0) continue;
  EXPECT_EQ(exit_code_within(std::chrono::seconds(20)), 70);
  ::close(log);
}
#endif

TEST_F(ServiceTest, StopsInOrderAlsoWhenTheDrainThrows) {
  start({}, {"PROBE_DRAIN=throws"});
  EXPECT_EQ(line(), "ready");
  ::kill(pid_, SIGTERM);
  EXPECT_EQ(exit_code(), 0);
  EXPECT_THAT(errors(), HasSubstr("service stopped"));
}

TEST_F(ServiceTest, DrainsAndFailsWhenItCannotGoOn) {
  for (const char* how : {"PROBE_START=gives_up", "PROBE_START=crashes"}) {
    start({}, {how});
    // CAF reports the exceptions of actors on standard output too, in the middle of our lines.
    std::string all;
    while (std::feof(output_) == 0) all += line() + "\n";
    EXPECT_THAT(all, HasSubstr("draining")) << how;
    EXPECT_EQ(exit_code(), 70) << how;
    ::fclose(std::exchange(output_, nullptr));
  }
}

TEST_F(ServiceTest, WritesThePortsItBoundAsAWholeFile) {
  start({});
  EXPECT_EQ(line(), "ready");
  EXPECT_EQ(contents(home_ + "/state/run/probe.ports"), "RTMP_PORT=1935\nPORT=3000\n");
  EXPECT_FALSE(std::filesystem::exists(home_ + "/state/run/probe.ports.new"));
}

TEST(PortsFile, IsRefusedWithTheReasonWhereItCannotBeWritten) {
  const Result<void> written = write_ports_file("/nowhere", "probe", {{"PORT", 1}});
  ASSERT_FALSE(written);
  EXPECT_THAT(written.error().message, HasSubstr("/nowhere/run/probe.ports"));
}

}  // namespace
}  // namespace millrace::runtime
