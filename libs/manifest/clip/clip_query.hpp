// Which part of a list somebody wants, by its query: "?start=7&end=9.5". One rule for all lists, strict so
// that a part has one address, whatever stands before the server. Total and pure; any thread.
#pragma once

#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "base/result.hpp"

namespace millrace::manifest {

// From start_us up to before end_us, on the clock of the list.
struct Clip {
  std::int64_t start_us = 0;
  std::int64_t end_us = std::numeric_limits<std::int64_t>::max();
  std::string query{};  // what asks for the same, in one form; empty: all of it

  bool is_all() const { return query.empty(); }
  bool operator==(const Clip&) const = default;
};

// raw_query: as it was sent; query: decoded from it, in its order. Seconds: up to ten digits and, behind a
// point, up to six. "manifest.clip", with the reason: a bound that is there twice, is empty or no such
// number, or whose name or value is not written as it is (percent-encoded, in other letters); a start that is
// not before its end.
Result<Clip> parse_clip(std::string_view raw_query,
                        std::span<const std::pair<std::string, std::string>> query);

}  // namespace millrace::manifest
