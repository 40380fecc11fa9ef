// What a program does when there is no memory. Code that can give something up says so by a scope and gets
// std::bad_alloc at once; every other thread's operator new waits for that to help, and throws only when
// nothing did. Without it whichever thread asks next ends the process, though another one was about to free
// what a greedy peer had taken.
#pragma once

#include <chrono>

namespace millrace {

// How long operator new waits for others to free memory.
inline constexpr std::chrono::milliseconds kMemoryPatience{2000};

// Installs the handler (std::set_new_handler) for the whole program. Once, at its start.
void wait_for_scarce_memory();

// While one lives on this thread, a failed allocation throws at once. Nests.
class CanGiveUp {
 public:
  CanGiveUp();
  ~CanGiveUp();
  CanGiveUp(const CanGiveUp&) = delete;
  CanGiveUp& operator=(const CanGiveUp&) = delete;
};

}  // namespace millrace
