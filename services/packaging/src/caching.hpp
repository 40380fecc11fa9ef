// Cache-Control of what packaging hands out (docs/delivery.md).
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>

namespace millrace::packaging::cache {

inline constexpr std::string_view kForEver = "public, max-age=31536000, immutable";
// Neither a shared cache nor the browser's own: the token may be taken back.
inline constexpr std::string_view kForOneViewer = "private, no-store";
// What is not there may come; but a cache must be able to answer all who ask for it meanwhile, or they come
// here one after the other.
inline constexpr std::string_view kMissing = "public, max-age=1";

inline std::string max_age(std::int64_t seconds) {
  return "public, max-age=" + std::to_string(seconds);
}
// Half a target duration. Also when it has ended: a publisher may come back, and the list goes on.
inline std::string of_list(std::int64_t target_duration_s) {
  return max_age(std::max<std::int64_t>(target_duration_s / 2, 1));
}

}  // namespace millrace::packaging::cache
