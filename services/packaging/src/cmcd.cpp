#include "cmcd.hpp"

#include <charconv>

namespace millrace::packaging {
namespace {

struct Item {
  std::string_view key;
  std::string_view token;  // a number or a word as it stands
  std::string quoted;      // without its quotation marks
  bool has_value = false;
};

// A string of RFC 8941 3.3.3; nullopt when it does not end.
std::optional<std::string> take_quoted(std::string_view& rest) {
  rest.remove_prefix(1);
  std::string text;
  while (!rest.empty()) {
    char next = rest.front();
    rest.remove_prefix(1);
    if (next == '"') return text;
    if (next == '\\') {
      if (rest.empty()) break;
      next = rest.front();
      rest.remove_prefix(1);
    }
    text.push_back(next);
  }
  return std::nullopt;
}

// Up to the next comma, which is taken too; nullopt where there is none, or it is damaged.
std::optional<Item> take_item(std::string_view& rest) {
  while (!rest.empty() && (rest.front() == ' ' || rest.front() == ',')) rest.remove_prefix(1);
  const std::size_t end = rest.find_first_of("=, ");
  Item item;
  item.key = rest.substr(0, end);
  if (item.key.empty()) return std::nullopt;
  rest.remove_prefix(item.key.size());
  if (rest.empty() || rest.front() != '=') return item;
  rest.remove_prefix(1);
  item.has_value = true;
  if (!rest.empty() && rest.front() == '"') {
    auto quoted = take_quoted(rest);
    if (!quoted) return std::nullopt;
    item.quoted = std::move(*quoted);
    return item;
  }
  item.token = rest.substr(0, rest.find_first_of(", "));
  rest.remove_prefix(item.token.size());
  return item;
}

std::optional<std::uint32_t> number(std::string_view text) {
  std::uint32_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

}  // namespace

void read_client_report(std::string_view text, ClientReport& report) {
  text = text.substr(0, kMostReportBytes);
  for (std::size_t count = 0; count < kMostReportKeys; ++count) {
    const std::optional<Item> item = take_item(text);
    if (!item) return;
    if (item->key == "sid" && item->quoted.size() <= kMostSessionBytes) {
      report.session = item->quoted;
    } else if (item->key == "bl") {
      report.buffer_ms = number(item->token);
    } else if (item->key == "bs") {
      report.starved = !item->has_value || item->token == "true" || item->token == "?1";
    }
  }
}

}  // namespace millrace::packaging
