#include "manifest/hls/delivery_directives.hpp"

#include <algorithm>
#include <charconv>
#include <string_view>

namespace millrace::hls {
namespace {

constexpr ErrorCode kError = "hls.directive";
constexpr std::int64_t kMicroseconds = 1'000'000;
constexpr std::uint64_t kMostSegmentsAhead = 2;

constexpr std::string_view kReserved = "_HLS_";

// In whatever letters.
bool is_reserved(std::string_view name) {
  const auto is_in_letters = [&](std::string_view wanted) {
    return std::equal(
        wanted.begin(), wanted.end(), name.begin(),
        name.begin() + static_cast<std::ptrdiff_t>(std::min(wanted.size(), name.size())),
        [](char a, char b) { return a == (b >= 'a' && b <= 'z' ? static_cast<char>(b - 'a' + 'A') : b); });
  };
  return (name.size() == 2 && is_in_letters("LL")) || is_in_letters(kReserved);
}

// A decimal-integer of RFC 8216 4.2: digits alone, up to 2^64 - 1.
std::optional<std::uint64_t> decimal_integer(std::string_view text) {
  std::uint64_t value = 0;
  const char* const end = text.data() + text.size();
  const auto [read, error] = std::from_chars(text.data(), end, value);
  return error == std::errc() && read == end ? std::optional(value) : std::nullopt;
}

Result<void> read_number(std::string_view text, std::string_view name, std::optional<std::uint64_t>& number) {
  if (number) return fail(kError, std::string(name) + " is there twice");
  number = decimal_integer(text);
  if (!number) return fail(kError, std::string(name) + " is not a number");
  return {};
}

Result<void> read_skip(std::string_view text, Skip& skip) {
  if (skip != Skip::kNothing) return fail(kError, "_HLS_skip is there twice");
  if (text != "YES" && text != "v2") return fail(kError, "_HLS_skip is YES or v2");
  skip = text == "YES" ? Skip::kSegments : Skip::kDateRanges;
  return {};
}

// RFC 8216bis 6.2.5.2, in parts.
std::uint64_t advance_part_limit(std::int64_t part_target_us) {
  constexpr std::int64_t kLimit = 3;
  if (part_target_us >= kMicroseconds) return kLimit;
  return static_cast<std::uint64_t>((kLimit * kMicroseconds + part_target_us - 1) / part_target_us);
}

// Of a segment that has so many parts by now.
Readiness wait_for(std::uint64_t part, std::uint64_t there, std::int64_t part_target_us) {
  if (part < there) return Readiness::kReady;
  return part - there < advance_part_limit(part_target_us) ? Readiness::kWait : Readiness::kTooFar;
}

}  // namespace

Result<DeliveryDirectives> parse_directives(std::span<const std::pair<std::string, std::string>> query) {
  DeliveryDirectives directives;
  for (const auto& [name, value] : query) {
    Result<void> read;
    if (name == "_HLS_msn") read = read_number(value, name, directives.media_sequence);
    if (name == "_HLS_part") read = read_number(value, name, directives.part);
    if (name == "_HLS_skip") read = read_skip(value, directives.skip);
    if (!read) return tl::unexpected(read.error());
  }
  if (directives.part && !directives.media_sequence) return fail(kError, "_HLS_part needs _HLS_msn");
  return directives;
}

bool has_literal_names(std::string_view raw_query,
                       std::span<const std::pair<std::string, std::string>> query) {
  for (const auto& [name, value] : query) {
    while (raw_query.starts_with('&')) raw_query.remove_prefix(1);
    const std::string_view pair = raw_query.substr(0, raw_query.find('&'));
    raw_query.remove_prefix(pair.size());
    if (!is_reserved(name)) continue;
    const bool as_it_is = name == "ll" || name.starts_with(kReserved);
    if (!as_it_is || pair.substr(0, pair.find('=')) != name) return false;
  }
  return true;
}

Readiness readiness(const DeliveryDirectives& directives, const ListEnd& end) {
  if (!directives.media_sequence || *directives.media_sequence < end.last_segment) return Readiness::kReady;
  const std::uint64_t ahead = *directives.media_sequence - end.last_segment;
  if (ahead > kMostSegmentsAhead) return Readiness::kTooFar;
  if (!directives.part || end.part_target_us <= 0) return ahead == 0 ? Readiness::kReady : Readiness::kWait;
  if (ahead > 0) return wait_for(*directives.part, ahead == 1 ? end.parts_of_growing : 0, end.part_target_us);
  if (end.parts_of_last == 0) return Readiness::kReady;
  const Readiness here = wait_for(*directives.part, end.parts_of_last, end.part_target_us);
  return here == Readiness::kWait && end.parts_of_growing > 0 ? Readiness::kReady : here;
}

}  // namespace millrace::hls
