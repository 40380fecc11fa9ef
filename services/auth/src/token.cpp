#include "token.hpp"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <optional>

#include "base64url.hpp"

namespace millrace::auth {
namespace {

using Json = nlohmann::json;

tl::unexpected<Error> refuse(const char* reason) {
  return fail("auth.token", reason);
}

std::optional<Json> decode_object(std::string_view part) {
  const std::optional<Bytes> bytes = decode_base64url(part);
  if (!bytes) return std::nullopt;
  Json value = Json::parse(bytes->begin(), bytes->end(), nullptr, false);
  if (!value.is_object()) return std::nullopt;
  return value;
}

// A NumericDate (RFC 7519 section 2) in whole seconds; nullopt for anything that is not one of this age of
// the world.
std::optional<std::int64_t> numeric_date(const Json& value) {
  constexpr double kLatest = 1e15;
  if (!value.is_number()) return std::nullopt;
  const auto seconds = value.get<double>();
  if (!std::isfinite(seconds) || seconds < 0 || seconds > kLatest) return std::nullopt;
  return static_cast<std::int64_t>(seconds);
}

// Absent, or a date that is not later than now.
bool is_past_if_present(const Json& claims, const char* name, std::int64_t now_seconds) {
  const auto found = claims.find(name);
  if (found == claims.end()) return true;
  const std::optional<std::int64_t> date = numeric_date(*found);
  return date && *date <= now_seconds + kTokenLeewaySeconds;
}

Result<TokenClaims> check_claims(const Json& claims, std::int64_t now_seconds) {
  const auto issuer = claims.find("iss");
  if (issuer == claims.end() || *issuer != kTokenIssuer) return refuse("another issuer");
  const auto expiry = claims.find("exp");
  if (expiry == claims.end()) return refuse("no expiry");
  const std::optional<std::int64_t> expires = numeric_date(*expiry);
  if (!expires || *expires <= now_seconds - kTokenLeewaySeconds) return refuse("expired");
  if (!is_past_if_present(claims, "nbf", now_seconds)) return refuse("not valid yet");
  if (!is_past_if_present(claims, "iat", now_seconds)) return refuse("issued in the future");
  const auto subject = claims.find("sub");
  if (subject == claims.end() || !subject->is_string()) return refuse("no subject");
  TokenClaims good{.subject = subject->get<std::string>()};
  if (!is_valid_subject(good.subject)) return refuse("impossible subject");
  const auto admin = claims.find("admin");
  good.admin = admin != claims.end() && admin->is_boolean() && admin->get<bool>();
  return good;
}

}  // namespace

bool is_valid_subject(std::string_view subject) {
  if (subject.empty() || subject.size() > kMaxSubjectLength) return false;
  return std::none_of(subject.begin(), subject.end(),
                      [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; });
}

Result<TokenVerifier> TokenVerifier::create(const Secret& token_secret) {
  if (token_secret.reveal().size() < kMinSecretLength) {
    return fail("auth.weak_secret",
                "API_TOKEN_SECRET must have at least " + std::to_string(kMinSecretLength) + " characters");
  }
  return TokenVerifier(token_secret);
}

Key256 TokenVerifier::signature(std::string_view signed_part) const {
  return hmac_sha256(as_bytes(secret_.reveal()), as_bytes(signed_part));
}

Result<TokenClaims> TokenVerifier::verify(std::string_view token, std::int64_t now_seconds) const {
  if (token.size() > kMaxTokenLength) return refuse("too long");
  const std::size_t first = token.find('.');
  const std::size_t last = token.rfind('.');
  if (first == std::string_view::npos || first == last) return refuse("not three parts");
  const std::optional<Bytes> given = decode_base64url(token.substr(last + 1));
  if (!given || !equal_in_constant_time(*given, signature(token.substr(0, last))))
    return refuse("bad signature");
  // Only what we signed ourselves is parsed from here on.
  const std::optional<Json> header = decode_object(token.substr(0, first));
  if (!header || header->value("alg", Json()) != "HS256" || header->contains("crit"))
    return refuse("bad header");
  const std::optional<Json> claims = decode_object(token.substr(first + 1, last - first - 1));
  if (!claims) return refuse("bad claims");
  return check_claims(*claims, now_seconds);
}

Result<Secret> TokenVerifier::issue(std::string_view subject, std::int64_t now_seconds) const {
  if (!is_valid_subject(subject)) {
    return fail("auth.subject", "a subject has 1 to 256 bytes without control characters");
  }
  const Json header = {{"alg", "HS256"}, {"typ", "JWT"}};
  const Json claims = {{"sub", subject},
                       {"iss", kTokenIssuer},
                       {"iat", now_seconds},
                       {"exp", now_seconds + kTokenLifetimeSeconds}};
  // A subject that is not UTF-8 gets replacement characters; dump() would throw.
  const auto part = [](const Json& value) {
    return encode_base64url(as_bytes(value.dump(-1, ' ', false, Json::error_handler_t::replace)));
  };
  const std::string signed_part = part(header) + "." + part(claims);
  return Secret(signed_part + "." + encode_base64url(signature(signed_part)));
}

}  // namespace millrace::auth
