// Base 64 with the URL-safe alphabet and without padding (RFC 4648 section 5), as tokens in URLs use it.
// Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.hpp"

namespace millrace {

std::string encode_base64url(ByteView bytes);
// Strict: nullopt for padding, foreign characters, an impossible length or bits left over that are not zero,
// so that every byte string has one encoding only.
std::optional<Bytes> decode_base64url(std::string_view text);

}  // namespace millrace
