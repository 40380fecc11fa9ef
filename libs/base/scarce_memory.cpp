#include "base/scarce_memory.hpp"

#include <new>
#include <thread>

namespace millrace {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds kPause{5};

thread_local int scopes = 0;
thread_local Clock::time_point begun;
thread_local Clock::time_point last;

// operator new calls it again and again until it has memory or this throws. It must not allocate.
void on_no_memory() {
  if (scopes > 0) throw std::bad_alloc();
  const Clock::time_point now = Clock::now();
  if (now - last > 10 * kPause) begun = now;  // not the same wait any more
  last = now;
  if (now - begun > kMemoryPatience) throw std::bad_alloc();
  std::this_thread::sleep_for(kPause);
}

}  // namespace

void wait_for_scarce_memory() {
  std::set_new_handler(&on_no_memory);
}

CanGiveUp::CanGiveUp() {
  ++scopes;
}

CanGiveUp::~CanGiveUp() {
  --scopes;
}

}  // namespace millrace
