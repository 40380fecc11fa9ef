// How long to wait before something is tried again. Pure.
#pragma once

#include <algorithm>
#include <chrono>

namespace millrace::transcoding {

// failures: in a row, at least one. first, twice that, four times, … and longest.
inline std::chrono::milliseconds delay_after(unsigned failures, std::chrono::milliseconds first,
                                             std::chrono::milliseconds longest) {
  std::chrono::milliseconds delay = first;
  for (; failures > 1 && delay < longest; --failures) delay *= 2;
  return std::min(delay, longest);
}

}  // namespace millrace::transcoding
