// Counts a trouble that an outside party can cause as often as it likes, and logs it at growing intervals:
// the 1st, 2nd, 4th, 8th … time.
#pragma once

#include <atomic>
#include <bit>
#include <cstdint>
#include <string_view>

#include "base/log.hpp"

namespace millrace::bus {

// details: log::Field, of the one that is logged.
template <class... Details>
void warn_and_count(std::atomic<std::uint64_t>& counter, std::string_view event, Details... details) {
  const std::uint64_t times = counter.fetch_add(1, std::memory_order_relaxed) + 1;
  if (std::has_single_bit(times)) log::warning(event, {{"times", times}, details...});
}

}  // namespace millrace::bus
