// Bearer tokens that others have signed (OpenID Connect, Clerk, Firebase): which issuers are believed, and
// what a token of theirs must say. Nothing in a token chooses how it is verified or makes us connect
// anywhere: the issuer must be configured, the algorithm is the key's, and keys come from the issuer's own
// set. Pure; any thread. RFC 7515, RFC 7519, RFC 8725.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "base/secret.hpp"
#include "base/wall_time.hpp"
#include "identities/jose.hpp"
#include "identities/public_key.hpp"
#include "token.hpp"

namespace millrace::auth {

// Between issuer and subject of an account's name: "https://issuer.example|user_1". No issuer has one in it,
// and no account of our own begins with "http", so that two issuers' equal subjects are two accounts, and
// none of them a local one.
inline constexpr char kSubjectSeparator = '|';
inline constexpr std::size_t kMaxForeignSubject = 255;  // OpenID Connect Core 1.0 section 2

struct IdentityIssuer {
  std::string issuer;                    // "iss" to the letter; empty: any that has the form of Clerk's
  std::string jwks_url{};                // empty: found by discovery
  Secret bearer{};                       // sent when the keys are asked for; empty: nothing is
  std::vector<std::string> audiences{};  // one of them must be in "aud"; empty: it is ignored
  // "azp", when there is one, must be one of them; empty: may be any.
  std::vector<std::string> authorized_parties{};

  // For logs and metrics.
  std::string_view label() const {
    return issuer.empty() ? std::string_view("clerk") : std::string_view(issuer);
  }
};

struct IdentitySettings {
  std::vector<IdentityIssuer> issuers{};
  std::int64_t leeway_seconds = kTokenLeewaySeconds;
  std::set<std::string> admin_subjects{};  // with their issuers: "https://issuer.example|user_1"
  // A user with this value in this claim is an administrator; the claim's name may be a path
  // ("realm_access.roles").
  std::string admin_claim{};
  std::string admin_value{};

  // Index of the issuer that "iss" names.
  std::optional<std::size_t> find(std::string_view iss) const;
};

// A token before anything in it is believed.
struct ForeignToken {
  JwsParts parts;  // views of the token
  KeyAlgorithm algorithm = KeyAlgorithm::kRs256;
  std::string kid;  // may be empty
  std::string issuer;
  nlohmann::json claims;
};
// Errors: auth.token: not three parts, another algorithm (all secrets' and "none" are), a header that brings
// or points to a key ("jku", "x5u", "jwk") or has "crit", another type of token.
Result<ForeignToken> read_foreign_token(std::string_view token);

// Whom the claims are about, at this issuer. Errors: auth.token.
Result<TokenClaims> check_foreign_claims(const ForeignToken& token, const IdentityIssuer& issuer,
                                         const IdentitySettings& settings, WallTime now);

}  // namespace millrace::auth
