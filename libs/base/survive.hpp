// What a thread's loop does with an exception that nobody else caught: the piece of work that threw it (a
// connection, a request, a job) is given up, the thread goes on, and it is counted and logged.
//
//   while (!survives("http worker", [&] { context.run(); })) {}
//
// A loop that cannot go on (there is no memory to wait for the next event with) is no such piece of work: it
// is noexcept, so the process ends and is started again.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace millrace {

// For catch blocks: counts the exception that is being handled under its place, for the whole process, and
// logs it, at most once per second and place. where is a string literal: what threw, not for whom.
void note_exception(const char* where) noexcept;

// False when the work threw.
template <class Work>
bool survives(const char* where, Work&& work) {
  try {
    std::forward<Work>(work)();
    return true;
  } catch (...) {
    note_exception(where);
    return false;
  }
}

struct SurvivedExceptions {
  std::string where;
  std::uint64_t count = 0;
};
// All since the process started, by place. Any thread.
std::vector<SurvivedExceptions> survived_exceptions();

}  // namespace millrace
