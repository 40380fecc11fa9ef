// The present, read once for each request or event and passed on.
#pragma once

#include <cstdint>
#include <functional>

#include "base/wall_time.hpp"

namespace millrace::auth {

struct Now {
  std::int64_t monotonic_us = 0;
  WallTime wall{};
};
// For answers that come back later. Any thread.
using NowSource = std::function<Now()>;

}  // namespace millrace::auth
