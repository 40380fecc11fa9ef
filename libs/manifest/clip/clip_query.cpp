#include "manifest/clip/clip_query.hpp"

#include <algorithm>
#include <array>
#include <optional>

namespace millrace::manifest {
namespace {

constexpr ErrorCode kError = "manifest.clip";
constexpr std::size_t kMostDigits = 10, kMostDecimals = 6;
constexpr std::int64_t kMicroseconds = 1'000'000;

// lower: in lower-case letters.
bool is_same_in_any_letters(std::string_view name, std::string_view lower) {
  return std::equal(name.begin(), name.end(), lower.begin(), lower.end(), [](char a, char b) {
    return (a >= 'A' && a <= 'Z' ? static_cast<char>(a - 'A' + 'a') : a) == b;
  });
}

bool are_digits(std::string_view text, std::size_t most) {
  return !text.empty() && text.size() <= most &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

std::optional<std::int64_t> microseconds(std::string_view text) {
  const std::size_t point = text.find('.');
  const std::string_view whole = text.substr(0, point);
  std::string_view decimals;
  if (point != std::string_view::npos) {
    decimals = text.substr(point + 1);
    if (!are_digits(decimals, kMostDecimals)) return std::nullopt;
  }
  if (!are_digits(whole, kMostDigits)) return std::nullopt;
  std::int64_t value = 0;
  for (const char digit : whole) value = value * 10 + (digit - '0');
  for (std::size_t i = 0; i < kMostDecimals; ++i)
    value = value * 10 + (i < decimals.size() ? decimals[i] - '0' : 0);
  return value;
}

std::string seconds_text(std::int64_t us) {
  const std::string decimals = std::to_string(us % kMicroseconds);
  return std::to_string(us / kMicroseconds) + '.' + std::string(kMostDecimals - decimals.size(), '0') +
         decimals;
}

// pair: as it was sent.
Result<std::int64_t> read_bound(std::string_view name, std::string_view value, std::string_view pair) {
  if (value.empty()) return fail(kError, std::string(name) + " has no value");
  const auto us = microseconds(value);
  if (!us) return fail(kError, std::string(name) + " is not a number of seconds");
  const bool as_it_is = pair.size() == name.size() + 1 + value.size() && pair.starts_with(name) &&
                        pair[name.size()] == '=' && pair.ends_with(value);
  if (!as_it_is) return fail(kError, std::string(name) + " is encoded or in other letters");
  return *us;
}

// Takes what stands before the next '&'; empty ones are no parameters.
std::string_view take_pair(std::string_view& raw_query) {
  while (raw_query.starts_with('&')) raw_query.remove_prefix(1);
  const std::string_view pair = raw_query.substr(0, raw_query.find('&'));
  raw_query.remove_prefix(pair.size());
  return pair;
}

}  // namespace

Result<Clip> parse_clip(std::string_view raw_query,
                        std::span<const std::pair<std::string, std::string>> query) {
  constexpr std::array<std::string_view, 2> kNames = {"start", "end"};
  std::array<std::optional<std::int64_t>, 2> bounds;
  for (const auto& [name, value] : query) {
    const std::string_view pair = take_pair(raw_query);
    for (std::size_t i = 0; i < kNames.size(); ++i) {
      if (!is_same_in_any_letters(name, kNames[i])) continue;
      if (bounds[i]) return fail(kError, std::string(kNames[i]) + " is there twice");
      const Result<std::int64_t> bound = read_bound(kNames[i], value, pair);
      if (!bound) return tl::unexpected(bound.error());
      bounds[i] = *bound;
    }
  }
  Clip clip;
  clip.start_us = bounds[0].value_or(clip.start_us);
  clip.end_us = bounds[1].value_or(clip.end_us);
  if (clip.start_us >= clip.end_us) return fail(kError, "start is not before end");
  for (std::size_t i = 0; i < kNames.size(); ++i) {
    if (!bounds[i]) continue;
    if (!clip.query.empty()) clip.query += '&';
    clip.query.append(kNames[i]).append("=").append(seconds_text(*bounds[i]));
  }
  return clip;
}

}  // namespace millrace::manifest
