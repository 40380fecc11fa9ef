// Time as plain numbers with the unit in the name. Engines never call these: the shells pass times in.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace millrace {

// CLOCK_MONOTONIC in microseconds: the same clock for all processes of a machine; deadlines and latencies.
inline std::int64_t monotonic_us() {
  return std::chrono::duration_cast<std::chrono::microseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

// CLOCK_REALTIME in microseconds since 1970 UTC; may step. For people and EXT-X-PROGRAM-DATE-TIME only.
inline std::int64_t wall_us() {
  return std::chrono::duration_cast<std::chrono::microseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

// 2026-11-20T21:49:15.123Z (RFC 3339, UTC, milliseconds).
std::string rfc3339(std::int64_t wall_us);

}  // namespace millrace
