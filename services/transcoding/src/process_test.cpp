#include "process.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <thread>

namespace millrace::transcoding {
namespace {

ProcessEnd wait_for_end(int pid) {
  while (true) {
    if (const auto end = end_of_process(pid)) return *end;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
}

TEST(Process, EndsWithItsStatus) {
  const int pid = start_process("/bin/sh", {"-c", "exit 7"}, {}).value();
  EXPECT_EQ(wait_for_end(pid).text(), "status 7");
}

TEST(Process, IsEndedBySignals) {
  const int pid = start_process("/bin/sleep", {"1000"}, {}).value();
  EXPECT_FALSE(end_of_process(pid));
  signal_process(pid, SIGTERM);
  EXPECT_EQ(wait_for_end(pid).text(), "signal 15");
}

TEST(Process, HasNothingOfThisOne) {
  ::setenv("MILLRACE_TEST_SECRET", "x", 1);
  const char* const script =
      "[ -z \"$MILLRACE_TEST_SECRET\" ] && [ \"$GIVEN\" = yes ] && "
      "[ \"$(ls /proc/self/fd | wc -l)\" -le 4 ]";
  const int pid = start_process("/bin/sh", {"-c", script}, {"GIVEN=yes", "PATH=/usr/bin:/bin"}).value();
  EXPECT_EQ(wait_for_end(pid).text(), "status 0");
  ::unsetenv("MILLRACE_TEST_SECRET");
}

TEST(Process, IsSpokenTo) {
  ProcessPipes pipes;
  const int pid = start_process("/bin/cat", {}, {}, &pipes).value();
  EXPECT_EQ(read_available(pipes.output.get()), "");
  ASSERT_EQ(::write(pipes.input.get(), "hello\n", 6), 6);
  pipes.input.reset();
  EXPECT_EQ(wait_for_end(pid).text(), "status 0");
  EXPECT_EQ(read_available(pipes.output.get()), "hello\n");
}

TEST(Process, SaysThatThereIsNoSuchProgram) {
  EXPECT_EQ(start_process("/no/such/program", {}, {}).error().code, "transcoding.start");
}

TEST(Process, IsFoundBesideThisOne) {
  EXPECT_TRUE(program_beside_this("transcoding_test").ends_with("/transcoding_test"));
  EXPECT_EQ(program_beside_this("x").front(), '/');
}

}  // namespace
}  // namespace millrace::transcoding
