#include "token.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>

#include "accounts/account_rules.hpp"
#include "base/base64url.hpp"
#include "base/utf8.hpp"
#include "identities/jose.hpp"

namespace millrace::auth {
namespace {

using Json = nlohmann::json;

constexpr std::int64_t kSecondUs = 1'000'000;

tl::unexpected<Error> refuse(const char* reason) {
  return fail("auth.token", reason);
}

// A subject that is not UTF-8 gets replacement characters; dump() would throw.
std::string text_of(const Json& value) {
  return value.dump(-1, ' ', false, Json::error_handler_t::replace);
}

// To the microsecond where it is ours: a token may be issued in the same second as a password is changed.
WallTime issued(const Json& claims) {
  const auto exact = claims.find("iat_us");
  if (exact != claims.end() && exact->is_number_integer())
    return WallTime::from_us(exact->get<std::int64_t>());
  const auto found = claims.find("iat");
  const std::optional<std::int64_t> seconds = found == claims.end() ? std::nullopt : numeric_date(*found);
  return WallTime::from_seconds(seconds.value_or(0));
}

Result<TokenClaims> check_claims(const Json& claims, WallTime now) {
  const auto issuer = claims.find("iss");
  if (issuer == claims.end() || *issuer != kTokenIssuer) return refuse("another issuer");
  if (const char* wrong = what_is_wrong_with_times(claims, now, kTokenLeewaySeconds)) {
    return refuse(wrong);
  }
  const auto subject = claims.find("sub");
  if (subject == claims.end() || !subject->is_string()) return refuse("no subject");
  TokenClaims good;
  good.subject = subject->get<std::string>();
  good.expires_wall = expiry(claims, kTokenLeewaySeconds);
  if (!is_valid_subject(good.subject)) return refuse("impossible subject");
  good.issued = issued(claims);
  if (is_account_subject(good.subject) &&
      expiry(claims, 0) > good.issued + kMaxAccessTokenSeconds * kSecondUs)
    return refuse("lives too long");
  const auto admin = claims.find("admin");
  good.admin = admin != claims.end() && admin->is_boolean() && admin->get<bool>();
  return good;
}

}  // namespace

bool is_valid_subject(std::string_view subject) {
  if (subject.empty() || subject.size() > kMaxSubjectLength) return false;
  return is_valid_utf8(subject) && std::none_of(subject.begin(), subject.end(), [](char c) {
           return static_cast<unsigned char>(c) < 0x20 || c == 0x7F;
         });
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

Result<TokenClaims> TokenVerifier::verify(std::string_view token, WallTime now) const {
  const std::optional<JwsParts> parts = split_jws(token);
  if (!parts) return refuse("not three parts");
  if (!equal_in_constant_time(parts->signature, signature(parts->signed_part)))
    return refuse("bad signature");
  // Only what we signed ourselves is parsed from here on.
  const std::optional<Json> header = decode_json_object(parts->header);
  if (!header || header->value("alg", Json()) != "HS256" || header->contains("crit"))
    return refuse("bad header");
  const std::optional<Json> claims = decode_json_object(parts->claims);
  if (!claims) return refuse("bad claims");
  return check_claims(*claims, now);
}

Result<Secret> TokenVerifier::issue(std::string_view subject, WallTime now, std::int64_t life_seconds) const {
  if (!is_valid_subject(subject)) {
    return fail("auth.subject", "a subject has 1 to 512 bytes without control characters");
  }
  if (is_account_subject(subject)) {
    return fail("auth.subject", "tokens of accounts are issued at login: this subject is an account's id");
  }
  if (life_seconds < kMinTokenLifeSeconds || life_seconds > kMaxTokenLifeSeconds) {
    return fail("auth.token_life", "a token lives " + std::to_string(kMinTokenLifeSeconds) + " to " +
                                       std::to_string(kMaxTokenLifeSeconds) + " seconds");
  }
  return sign(subject, now, life_seconds);
}

Secret TokenVerifier::issue_access(std::string_view account, WallTime now,
                                   std::int64_t lifetime_seconds) const {
  return sign(account, now, lifetime_seconds);
}

Secret TokenVerifier::sign(std::string_view subject, WallTime now, std::int64_t life_seconds) const {
  static const std::string header = encode_base64url(as_bytes(text_of({{"alg", "HS256"}, {"typ", "JWT"}})));
  const std::int64_t now_seconds = now.seconds();
  const std::string claims = text_of({{"sub", subject},
                                      {"iss", kTokenIssuer},
                                      {"iat", now_seconds},
                                      {"iat_us", now.us()},
                                      {"exp", now_seconds + life_seconds}});
  const std::string signed_part = header + "." + encode_base64url(as_bytes(claims));
  return Secret(signed_part + "." + encode_base64url(signature(signed_part)));
}

}  // namespace millrace::auth
