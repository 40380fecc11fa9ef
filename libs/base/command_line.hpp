// What the command lines of all programs have in common. Pure functions.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace millrace {

// The first argument is --help or -h.
bool asks_for_help(std::span<char*> arguments);
// Decimal digits and nothing else, within 64 bits.
std::optional<std::uint64_t> parse_count(std::string_view text);

}  // namespace millrace
