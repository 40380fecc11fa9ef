#include "base/wall_time.hpp"

#include <array>
#include <cstdio>
#include <ctime>

namespace millrace {

std::string rfc3339(WallTime time) {
  std::int64_t seconds = time.us() / 1'000'000;
  std::int64_t micros = time.us() % 1'000'000;
  if (micros < 0) {
    micros += 1'000'000;
    --seconds;
  }
  const std::time_t posix = seconds;
  std::tm utc{};
  gmtime_r(&posix, &utc);
  std::array<char, 64> text{};
  std::snprintf(text.data(), text.size(), "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", utc.tm_year + 1900,
                utc.tm_mon + 1, utc.tm_mday, utc.tm_hour, utc.tm_min, utc.tm_sec,
                static_cast<int>(micros / 1000));
  return text.data();
}

}  // namespace millrace
