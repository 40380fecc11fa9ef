#include "base/command_line.hpp"

#include <charconv>

namespace millrace {

bool asks_for_help(std::span<char*> arguments) {
  if (arguments.empty()) return false;
  const std::string_view first = arguments[0];
  return first == "--help" || first == "-h";
}

std::optional<std::uint64_t> parse_count(std::string_view text) {
  std::uint64_t count = 0;
  const char* const end = text.data() + text.size();
  const auto [parsed, error] = std::from_chars(text.data(), end, count);
  if (error != std::errc{} || parsed != end) return std::nullopt;
  return count;
}

}  // namespace millrace
