// Bearer tokens of the API: JSON Web Tokens (RFC 7519) signed with HS256 (RFC 7518 section 3.2). The
// algorithm is ours, not the token's to choose. Immutable after creation; any thread. Times are passed in.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "base/secret.hpp"
#include "base/wall_time.hpp"
#include "crypto.hpp"

namespace millrace::auth {

inline constexpr std::string_view kTokenIssuer = "millrace";
// Of tokens that the operator issues.
inline constexpr std::int64_t kTokenLifeSeconds = 3600;
inline constexpr std::int64_t kMinTokenLifeSeconds = 60;
inline constexpr std::int64_t kMaxTokenLifeSeconds = 365LL * 24 * 3600;
inline constexpr std::size_t kMaxSubjectLength = 512;  // an issuer, and its own name for somebody

// Who a token (and a stream) belongs to: 1 to kMaxSubjectLength bytes without control characters.
bool is_valid_subject(std::string_view subject);

// Of tokens whose subject is an account: nobody may hold one for longer, as what revokes them is remembered
// for a day only.
inline constexpr std::int64_t kMaxAccessTokenSeconds = 24LL * 3600;

struct TokenClaims {
  std::string subject;
  bool admin = false;
  WallTime issued{};        // not set: it does not say
  WallTime expires_wall{};  // refused from then on: "exp" and the leeway
};

class TokenVerifier {
 public:
  static constexpr std::size_t kMinSecretLength = 32;  // RFC 7518: a key of at least the hash's size

  // Errors: auth.weak_secret.
  static Result<TokenVerifier> create(const Secret& token_secret);

  // Needs a good signature, "iss" ours, "sub", and "exp" in the future; "nbf" and "iat" must not be in the
  // future when present. Errors: auth.token with a reason that never quotes the token.
  Result<TokenClaims> verify(std::string_view token, WallTime now) const;

  // Errors: auth.subject, also for the subject of an account; auth.token_life.
  Result<Secret> issue(std::string_view subject, WallTime now,
                       std::int64_t life_seconds = kTokenLifeSeconds) const;
  // Of an account that has logged in.
  Secret issue_access(std::string_view account, WallTime now, std::int64_t lifetime_seconds) const;

 private:
  explicit TokenVerifier(const Secret& token_secret) : secret_(token_secret) {}
  Key256 signature(std::string_view signed_part) const;
  Secret sign(std::string_view subject, WallTime now, std::int64_t life_seconds) const;

  Secret secret_;
};

}  // namespace millrace::auth
