#include "http/process_usage.hpp"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <string>
#include <thread>

namespace millrace::http {
namespace {

constexpr ProcessUnits kUnits{.ticks_per_second = 100, .page_bytes = 4096, .boot_seconds = 1000};
constexpr std::string_view kStat =
    "4242 (mill (race) 7) S 1 4242 4242 0 -1 4194560 500 0 3 0 250 75 40 10 20 0 9 0 12345 300000000 2048 "
    "18446744073709551615 1 1 0 0 0 0 0 4096 0 0 0 0 17 1 0 0 0 0 0 0 0 0 0 0 0 0 0\n";

TEST(ProcessUsage, IsReadBehindAnyName) {
  const auto usage = parse_process_stat(kStat, kUnits);
  ASSERT_TRUE(usage);
  EXPECT_DOUBLE_EQ(usage->cpu_seconds, 3.25);
  EXPECT_DOUBLE_EQ(usage->ended_children_cpu, 0.5);
  EXPECT_EQ(usage->resident_bytes, 2048U * 4096);
  EXPECT_DOUBLE_EQ(usage->start_seconds, 1000 + 123.45);
  EXPECT_EQ(usage->threads, 9U);
}

TEST(ProcessUsage, IsNotGuessedFromATruncatedText) {
  const std::size_t pages = kStat.find(" 2048 ") + 1;
  for (std::size_t size = 0; size <= pages; ++size)
    EXPECT_FALSE(parse_process_stat(kStat.substr(0, size), kUnits)) << size;
  for (const std::string_view text : {"", "1 (a)", "1 (a) S 1 2 x", ") ) ) "})
    EXPECT_FALSE(parse_process_stat(text, kUnits)) << text;
}

TEST(ProcessUsage, IsThatOfThisProcess) {
  const auto usage = sample_process();
  ASSERT_TRUE(usage);
  EXPECT_GT(usage->resident_bytes, 100'000U);
  EXPECT_GE(usage->threads, 1U);
  EXPECT_GE(usage->open_descriptors, 3U);
  EXPECT_GE(usage->max_descriptors, usage->open_descriptors);
  const double now =
      std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
  EXPECT_LE(usage->start_seconds, now + 1);
  EXPECT_GT(usage->start_seconds, now - 3600);
  double before = usage->cpu_seconds;
  volatile double work = 0;
  for (int i = 0; i < 100 && sample_process()->cpu_seconds <= before; ++i)
    for (int j = 0; j < 3'000'000; ++j) work = work + j;
  EXPECT_GT(sample_process()->cpu_seconds, before);
}

// A child that works until it is killed.
TEST(ProcessUsage, CountsChildrenWhileTheyRunAndWhatTheyTookAfterwards) {
  const auto children = [] { return sample_children(sample_process().value()); };
  const ChildrenUsage before = children();
  const pid_t child = ::fork();
  if (child == 0) {
    while (true) (void)::getppid();
  }
  ASSERT_GT(child, 0);
  ChildrenUsage running = children();
  for (int i = 0; i < 4000 && running.cpu_seconds <= before.cpu_seconds; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
    running = children();
  }
  EXPECT_EQ(running.running, before.running + 1);
  EXPECT_GT(running.cpu_seconds, before.cpu_seconds);
  EXPECT_GT(running.resident_bytes, before.resident_bytes);
  ::kill(child, SIGKILL);
  ASSERT_EQ(::waitpid(child, nullptr, 0), child);
  const ChildrenUsage after = children();
  EXPECT_EQ(after.running, before.running);
  EXPECT_EQ(after.resident_bytes, before.resident_bytes);
  EXPECT_GE(after.cpu_seconds, running.cpu_seconds);
}

}  // namespace
}  // namespace millrace::http
