#include "identities/jose.hpp"

#include <algorithm>
#include <cmath>

#include "base/base64url.hpp"
#include "base/bounded_json.hpp"

namespace millrace::auth {
namespace {

using Json = nlohmann::json;

// Absent, or a date that is not later than now.
bool is_past_if_present(const Json& claims, const char* name, std::int64_t latest) {
  const auto found = claims.find(name);
  if (found == claims.end()) return true;
  const std::optional<std::int64_t> date = numeric_date(*found);
  return date && *date <= latest;
}

}  // namespace

std::optional<JwsParts> split_jws(std::string_view token) {
  if (token.size() > kMaxTokenLength) return std::nullopt;
  const std::size_t first = token.find('.');
  const std::size_t last = token.rfind('.');
  if (first == std::string_view::npos || first == last) return std::nullopt;
  const std::string_view claims = token.substr(first + 1, last - first - 1);
  if (claims.find('.') != std::string_view::npos) return std::nullopt;
  std::optional<Bytes> signature = decode_base64url(token.substr(last + 1));
  if (!signature) return std::nullopt;
  return JwsParts{.signed_part = token.substr(0, last),
                  .header = token.substr(0, first),
                  .claims = claims,
                  .signature = std::move(*signature)};
}

std::optional<Json> decode_json_object(std::string_view part) {
  const std::optional<Bytes> bytes = decode_base64url(part);
  if (!bytes) return std::nullopt;
  std::optional<Json> value = parse_json(as_text(*bytes));
  if (!value || !value->is_object()) return std::nullopt;
  return value;
}

std::optional<std::int64_t> numeric_date(const Json& value) {
  constexpr double kLatest = 1e15;
  if (!value.is_number()) return std::nullopt;
  const auto seconds = value.get<double>();
  if (!std::isfinite(seconds) || seconds < 0 || seconds > kLatest) return std::nullopt;
  return static_cast<std::int64_t>(seconds);
}

const char* what_is_wrong_with_times(const Json& claims, WallTime now, std::int64_t leeway_seconds) {
  const auto found = claims.find("exp");
  if (found == claims.end()) return "no expiry";
  const std::optional<std::int64_t> expires = numeric_date(*found);
  if (!expires || *expires <= now.seconds() - leeway_seconds) return "expired";
  const std::int64_t latest = now.seconds() + leeway_seconds;
  if (!is_past_if_present(claims, "nbf", latest)) return "not valid yet";
  if (!is_past_if_present(claims, "iat", latest)) return "issued in the future";
  if (!is_past_if_present(claims, "auth_time", latest)) return "logged in in the future";
  return nullptr;
}

WallTime expiry(const Json& claims, std::int64_t leeway_seconds) {
  constexpr std::int64_t kLatest = 9'000'000'000'000;  // in microseconds it still fits
  const std::int64_t expires = numeric_date(claims.at("exp")).value_or(0);
  return WallTime::from_seconds(std::min(expires + leeway_seconds, kLatest));
}

}  // namespace millrace::auth
