// Small pieces of playlist text, shared by the writers.
#pragma once

#include <algorithm>
#include <cstdint>
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

// Seconds with at least three and at most six decimals: "2.000", "2.002033".
inline void append_seconds(std::string& out, std::int64_t duration_us) {
  constexpr std::int64_t kSecondUs = 1'000'000;
  const std::int64_t us = std::max<std::int64_t>(duration_us, 1);
  std::string fraction = std::to_string(us % kSecondUs);
  fraction.insert(0, 6 - fraction.size(), '0');
  while (fraction.size() > 3 && fraction.back() == '0') fraction.pop_back();
  out += std::to_string(us / kSecondUs);
  out += '.';
  out += fraction;
}

}  // namespace millrace::hls
