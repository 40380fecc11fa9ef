#include "base/scarce_memory.hpp"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <new>
#include <thread>

namespace millrace {
namespace {

constexpr std::size_t kBlock = 64UL << 20;
constexpr std::size_t kRoom = kBlock + kBlock / 2;  // for one of them

#ifndef MILLRACE_SANITIZED  // a sanitizer allocates by itself
// In a process of its own: exits 0 when it went as it should.
void with_little_memory() {
  wait_for_scarce_memory();
  auto held = std::make_unique<char[]>(kBlock);
  std::atomic<bool> wanted{false};
  std::atomic<bool> freed{false};
  std::thread other([&] {
    wanted.wait(false);
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    freed = true;
    held.reset();
  });
  rlimit limit{};
  getrlimit(RLIMIT_AS, &limit);
  std::size_t pages = 0;
  if (std::FILE* statm = std::fopen("/proc/self/statm", "r"); statm != nullptr) {
    if (std::fscanf(statm, "%zu", &pages) != 1) std::_Exit(2);
    std::fclose(statm);
  }
  limit.rlim_cur = pages * 4096 + kRoom - kBlock;
  setrlimit(RLIMIT_AS, &limit);
  bool thrown = false;
  try {
    const CanGiveUp scope;
    ::operator delete(::operator new(kBlock));  // called by name: a new-expression might be left out
  } catch (const std::bad_alloc&) {
    thrown = true;
  }
  wanted = true;
  wanted.notify_one();
  void* const block = ::operator new(kBlock);  // waits for the other thread
  const bool waited = freed;
  other.join();
  ::operator delete(block);
  std::_Exit(thrown && waited ? 0 : 1);
}

TEST(ScarceMemory, IsWaitedForUnlessSomethingCanBeGivenUp) {
  ::testing::FLAGS_gtest_death_test_style = "threadsafe";
  EXPECT_EXIT(with_little_memory(), ::testing::ExitedWithCode(0), "");
}
#endif

}  // namespace
}  // namespace millrace
