// AMF0 values as JSON text (RFC 8259), for players that know nothing of AMF. Pure.
#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include "rtmp/amf0.hpp"

namespace millrace::rtmp::amf0 {

// Undefined, null, references and numbers that JSON lacks are null, dates their milliseconds. nullopt: a text
// that is no UTF-8, more than most bytes, or deeper than kMaxJsonDepth.
inline constexpr unsigned kMaxJsonDepth = 8;
std::optional<std::string> to_json(const Value& value, std::size_t most);

}  // namespace millrace::rtmp::amf0
