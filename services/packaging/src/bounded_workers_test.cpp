#include "bounded_workers.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <new>

namespace millrace::packaging {
namespace {

TEST(BoundedWorkersTest, DoesWhatIsDueHoweverMuchThereIsToDo) {
  std::atomic<int> swept = 0;
  std::function<void()> again;
  BoundedWorkers workers(
      2, 16, [&] { ++swept; }, std::chrono::milliseconds(1));
  again = [&] {
    if (swept < 3) (void)workers.post(again);
  };
  for (int i = 0; i < 4; ++i) EXPECT_TRUE(workers.post(again));
  while (swept < 3) std::this_thread::yield();
}

TEST(BoundedWorkersTest, AJobThatFailsTakesNothingWithIt) {
  std::atomic<bool> done = false;
  BoundedWorkers workers(1, 16);
  EXPECT_TRUE(workers.post([] { throw std::bad_alloc(); }));
  EXPECT_TRUE(workers.post([&] { done = true; }));
  while (!done) std::this_thread::yield();
}

}  // namespace
}  // namespace millrace::packaging
