// Which renditions are wanted, as the service says on a child's standard input. Thread-compatible.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace millrace::transcoding {

// What renditions are planned by besides pictures: who plans and who makes them go by the same.
struct SourceRates {
  std::uint32_t kbps = 0;      // of the picture; 0: what is measured when a child begins
  std::uint32_t millifps = 0;  // pictures in a thousand seconds, where the source does not say

  bool operator==(const SourceRates&) const = default;
};

struct Wanted {
  std::set<std::string> names;
  // What is new among them is asked for from this segment on; 0: a list's length behind live.
  std::uint64_t from = 0;
  SourceRates rates{};

  bool operator==(const Wanted&) const = default;
};

// "want 1234 3000 25000 v0-720p v0-480p" (from, rates, names): no newline. "transcoding.wanted": anything
// else, or more than kMostNames.
inline constexpr std::size_t kMostNames = 32;
Result<Wanted> parse_wanted(std::string_view line);
std::string to_string(const Wanted& wanted);

// Lines from a pipe that nobody waits for.
class WantedReader {
 public:
  static constexpr std::size_t kMostBytes = 4096;  // of a line; a longer one is passed over

  // Reads without waiting from now on.
  explicit WantedReader(int descriptor);
  // What the newest line says, from the earliest segment that one of them has; nullopt: none has come.
  std::optional<Wanted> take();

 private:
  int descriptor_;
  std::string line_;
  bool too_long_ = false;
};

}  // namespace millrace::transcoding
