#include "http/selection.hpp"

#include <charconv>
#include <optional>

namespace millrace::http {
namespace {

struct ByteRange {
  std::uint64_t offset;
  std::uint64_t length;  // 0: not satisfiable
};

std::string_view trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

// Digits only; a number too large for 64 bits is as large as can be.
std::optional<std::uint64_t> number(std::string_view text) {
  if (text.empty() || text.find_first_not_of("0123456789") != std::string_view::npos) return std::nullopt;
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc::result_out_of_range ? UINT64_MAX : value;
}

// nullopt: not a byte range at all.
std::optional<ByteRange> parse_range(std::string_view text, std::uint64_t size) {
  const std::size_t dash = text.find('-');
  if (dash == std::string_view::npos) return std::nullopt;
  const std::string_view first_text = text.substr(0, dash);
  const std::optional<std::uint64_t> last = number(text.substr(dash + 1));
  if (first_text.empty()) {
    if (!last) return std::nullopt;
    const std::uint64_t length = std::min(*last, size);
    return ByteRange{size - length, length};
  }
  const std::optional<std::uint64_t> first = number(first_text);
  if (!first || (!last && dash + 1 != text.size())) return std::nullopt;
  if (last && *last < *first) return std::nullopt;
  if (*first >= size) return ByteRange{0, 0};
  const std::uint64_t end = last && *last < size - 1 ? *last + 1 : size;
  return ByteRange{*first, end - *first};
}

std::string_view opaque_tag(std::string_view tag) {
  return tag.starts_with("W/") ? tag.substr(2) : tag;
}

// Weak comparison, RFC 9110 section 8.8.3.2. Commas cannot stand in our own tags, so splitting at them is
// enough.
bool matches_any(std::string_view list, std::string_view etag) {
  if (trim(list) == "*") return true;
  while (!list.empty()) {
    const std::size_t comma = list.find(',');
    if (opaque_tag(trim(list.substr(0, comma))) == opaque_tag(etag)) return true;
    if (comma == std::string_view::npos) break;
    list.remove_prefix(comma + 1);
  }
  return false;
}

// A condition that fails makes the answer whole: strong comparison of tags, or the very same date.
bool if_range_holds(const Request& request, const Response& response) {
  if (!request.headers.contains("If-Range")) return true;
  const std::string_view condition = trim(request.headers.find("If-Range"));
  if (condition.starts_with("W/")) return false;
  if (condition.starts_with('"')) return condition == response.headers.find("ETag");
  return !condition.empty() && condition == response.headers.find("Last-Modified");
}

}  // namespace

Selection select_range(std::string_view range, std::uint64_t size) {
  const Selection whole{200, 0, size};
  const std::size_t equals = range.find('=');
  if (equals == std::string_view::npos || trim(range.substr(0, equals)) != "bytes") return whole;
  range.remove_prefix(equals + 1);
  std::optional<ByteRange> only;
  std::size_t ranges = 0;
  bool satisfiable = false;
  while (true) {
    const std::size_t comma = range.find(',');
    only = parse_range(trim(range.substr(0, comma)), size);
    if (!only) return whole;
    satisfiable = satisfiable || only->length > 0;
    ++ranges;
    if (comma == std::string_view::npos) break;
    range.remove_prefix(comma + 1);
  }
  if (!satisfiable) return {416, 0, 0};
  return ranges == 1 ? Selection{206, only->offset, only->length} : whole;
}

Selection select(const Request& request, const Response& response, std::uint64_t size) {
  const Selection whole{response.status, 0, size};
  const bool selectable = request.method == Method::kGet || request.method == Method::kHead;
  if (!selectable || response.status != 200) return whole;
  const std::string_view etag = response.headers.find("ETag");
  if (!etag.empty() && request.headers.contains("If-None-Match")) {
    if (matches_any(request.headers.find("If-None-Match"), etag)) return {304, 0, 0};
  } else if (const std::string_view since = request.headers.find("If-Modified-Since"); !since.empty()) {
    if (since == response.headers.find("Last-Modified")) return {304, 0, 0};
  }
  // Range is defined for GET only (RFC 9110 section 14.2).
  const bool ranged = response.ranges && request.method == Method::kGet && request.headers.contains("Range");
  if (!ranged || !if_range_holds(request, response)) return whole;
  return select_range(request.headers.find("Range"), size);
}

}  // namespace millrace::http
