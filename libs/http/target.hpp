// The request-target of RFC 9112 section 3.2, decoded once and refused when it is not a plain path.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.hpp"
#include "base/utf8.hpp"

namespace millrace::http {

struct Target {
  std::string path;
  std::string raw_query;
  std::vector<std::pair<std::string, std::string>> query;
};

inline constexpr std::size_t kMaxQueryParameters = 64;

// origin-form, absolute-form (its authority is ignored) and "*". Error: "http.target".
Result<Target> parse_target(std::string_view target);

// RFC 3986 section 2.1, one pass; nullopt-like error for a '%' without two digits. plus_is_space for queries.
Result<std::string> percent_decode(std::string_view text, bool plus_is_space);

// Everything but unreserved characters (RFC 3986 section 2.3) as %XX.
std::string percent_encode(std::string_view text);

using millrace::is_valid_utf8;

}  // namespace millrace::http
