// The two clocks. Engines never call these: the shells pass times in.
#pragma once

#include <chrono>
#include <cstdint>

#include "base/wall_time.hpp"

namespace millrace {

// CLOCK_MONOTONIC in microseconds: the same clock for all processes of a machine; deadlines and latencies.
inline std::int64_t monotonic_us() {
  return std::chrono::duration_cast<std::chrono::microseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

// CLOCK_REALTIME; may step. For people, what outlives a restart, and EXT-X-PROGRAM-DATE-TIME only.
inline WallTime wall_now() {
  return WallTime::from_us(std::chrono::duration_cast<std::chrono::microseconds>(
                               std::chrono::system_clock::now().time_since_epoch())
                               .count());
}

}  // namespace millrace
