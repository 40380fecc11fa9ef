// Identifiers that users and peers send us.
#pragma once

#include <string_view>

namespace millrace {

inline constexpr std::size_t kMaxStreamIdLength = 128;

// A public stream id, channel or application name: 1 to 128 of [A-Za-z0-9_-]. Such a name is safe as a path
// segment, a file name, a label and a topic; anything else is refused before it is used for any of these.
constexpr bool is_valid_id(std::string_view id) {
  if (id.empty() || id.size() > kMaxStreamIdLength) return false;
  for (const char c : id) {
    const bool allowed =
        (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
    if (!allowed) return false;
  }
  return true;
}

}  // namespace millrace
