// What the codecs' tests share.
#pragma once

#include <cstdlib>
#include <string>
#include <string_view>

#include "base/bytes.hpp"

namespace millrace::codecs {

inline Bytes from_hex(std::string_view text) {
  Bytes bytes;
  for (std::size_t i = 0; i + 1 < text.size(); i += 2) {
    bytes.push_back(
        static_cast<std::uint8_t>(std::strtoul(std::string(text.substr(i, 2)).c_str(), nullptr, 16)));
  }
  return bytes;
}

// Every prefix of the bytes but the whole, as a vector of its own: an overread leaves its allocation.
template <class Visitor>
void for_each_prefix(const Bytes& whole, Visitor&& visit) {
  for (std::size_t size = 0; size < whole.size(); ++size) {
    visit(Bytes(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size)));
  }
}

}  // namespace millrace::codecs
