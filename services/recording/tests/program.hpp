// The real program, as a child process, with directories of its own and free ports.
#pragma once

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <functional>
#include <string>
#include <thread>

#include "support.hpp"

namespace millrace::recording::test {

class Program {
 public:
  explicit Program(const std::string& home, const std::string& log_directory,
                   const std::map<std::string, std::string>& environment = {}) {
    pid_ = ::fork();
    if (pid_ != 0) return;
    for (const auto& [name, value] : environment) ::setenv(name.c_str(), value.c_str(), 1);
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

  pid_t pid() const { return pid_; }
  // Waits for it to end by itself; the exit status as waitpid has it.
  int wait() {
    int status = 0;
    ::waitpid(pid_, &status, 0);
    pid_ = -1;
    return status;
  }
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

inline bool wait_until(const std::function<bool()>& condition, std::chrono::seconds patience) {
  const auto deadline = std::chrono::steady_clock::now() + patience;
  while (!condition()) {
    if (std::chrono::steady_clock::now() >= deadline) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  return true;
}

// A directory in which the program runs, and the arena it reads.
class ProgramTest : public testing::Test {
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

}  // namespace millrace::recording::test
