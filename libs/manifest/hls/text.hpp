// Small pieces of playlist text, shared by the writers.
#pragma once

#include <string>
#include <string_view>

namespace millrace::hls {

// Appends text without the characters that would end a line or a quoted string (RFC 8216 4.1 and 4.2).
inline void append_clean(std::string& out, std::string_view text) {
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x20 && byte != 0x7F && c != '"') out.push_back(c);
  }
}

}  // namespace millrace::hls
