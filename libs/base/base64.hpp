// Base64 and hexadecimal as RFC 4648 has them (4 and 8). Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.hpp"

namespace millrace {

// nullopt for anything but the alphabet, padding where it may be, and a length that bytes give. Padding may
// be left out.
std::optional<Bytes> decode_base64(std::string_view text);

// Letters of either case; nullopt for an odd number of digits or anything else.
std::optional<Bytes> decode_hex(std::string_view text);
// In capitals.
std::string encode_hex(ByteView bytes);

}  // namespace millrace
