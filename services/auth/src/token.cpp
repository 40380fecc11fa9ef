#include "token.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>

#include "base/utf8.hpp"
#include "base64url.hpp"
#include "jose.hpp"

namespace millrace::auth {
namespace {

using Json = nlohmann::json;

tl::unexpected<Error> refuse(const char* reason) {
  return fail("auth.token", reason);
}

Result<TokenClaims> check_claims(const Json& claims, std::int64_t now_seconds) {
  const auto issuer = claims.find("iss");
  if (issuer == claims.end() || *issuer != kTokenIssuer) return refuse("another issuer");
  if (const char* wrong = what_is_wrong_with_times(claims, now_seconds, kTokenLeewaySeconds)) {
    return refuse(wrong);
  }
  const auto subject = claims.find("sub");
  if (subject == claims.end() || !subject->is_string()) return refuse("no subject");
  TokenClaims good;
  good.subject = subject->get<std::string>();
  good.expires_wall_us = expiry_wall_us(claims, kTokenLeewaySeconds);
  if (!is_valid_subject(good.subject)) return refuse("impossible subject");
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

Result<TokenClaims> TokenVerifier::verify(std::string_view token, std::int64_t now_seconds) const {
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
  return check_claims(*claims, now_seconds);
}

Result<Secret> TokenVerifier::issue(std::string_view subject, std::int64_t now_seconds) const {
  if (!is_valid_subject(subject)) {
    return fail("auth.subject", "a subject has 1 to 512 bytes without control characters");
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
