// JSON (RFC 8259) from outside, read with bounds: size, depth, number of values, no member twice, valid UTF-8
// only. What a parser of any depth makes of a hostile text costs stack wherever it is copied or written.
//
// Pure; any thread.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

namespace millrace {

struct JsonLimits {
  std::size_t bytes = 64UL * 1024;
  std::size_t depth = 8;     // of arrays and objects in each other; the document itself is 1
  std::size_t values = 512;  // of all kinds together
};

struct JsonFault {
  std::string field;    // the member that is there twice, or empty
  std::string message;  // for people; never quotes a value
};

// nullopt: no JSON, or beyond the limits; fault, where given, says which.
[[nodiscard]] std::optional<nlohmann::json> parse_json(std::string_view text, const JsonLimits& limits = {},
                                                       JsonFault* fault = nullptr);

}  // namespace millrace
