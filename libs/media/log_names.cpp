#include "media/log_names.hpp"

#include <array>
#include <cstddef>

namespace millrace::media {

std::string_view name_of(LogEnd end) {
  constexpr std::array<std::string_view, 10> kNames = {
      "live",           "unpublished", "disconnected", "timed_out", "taken_over",
      "protocol_error", "drained",     "writer_lost",  "no_space",  "revoked"};
  const auto index = static_cast<std::size_t>(end);
  return index < kNames.size() ? kNames.at(index) : "damaged";
}

}  // namespace millrace::media
