#include "watchdog.hpp"

#include <gtest/gtest.h>

#include <future>

namespace millrace::transcoding {
namespace {

using namespace std::chrono_literals;

TEST(Watchdog, TellsOfWhatMakesNoProgress) {
  std::promise<void> stuck;
  const Watchdog watchdog(10ms, [&] { stuck.set_value(); });
  stuck.get_future().wait();
}

TEST(Watchdog, IsQuietWhileItIsBeaten) {
  std::atomic<int> stuck{0};
  {
    Watchdog watchdog(10s, [&] { ++stuck; });
    for (int i = 0; i < 100; ++i) watchdog.beat();
  }
  EXPECT_EQ(stuck, 0) << "and ends at once";
}

}  // namespace
}  // namespace millrace::transcoding
