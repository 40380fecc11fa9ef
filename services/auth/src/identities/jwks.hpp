// The documents in which issuers of tokens publish their keys: JSON Web Key Sets (RFC 7517) and OpenID
// Connect Discovery 1.0. Bytes of somebody else's server in, values out. Pure; any thread.
#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "identities/public_key.hpp"

namespace millrace::auth {

struct Jwk {
  std::string kid;  // may be empty
  PublicKey key;
};

class KeySet {
 public:
  static constexpr std::size_t kMaxKeys = 64;
  static constexpr std::size_t kMaxKidLength = 256;

  // Keys that verify RS256 or ES256; what is for something else (another algorithm, encryption, a secret) is
  // left out. An empty set is one: its issuer has withdrawn every key. Errors: auth.jwks.
  static Result<KeySet> parse(std::string_view json);

  // Of that name, for that algorithm. A token that names none can only mean the one key for its algorithm.
  const PublicKey* find(std::string_view kid, KeyAlgorithm algorithm) const;
  std::size_t size() const { return keys_.size(); }

 private:
  std::vector<Jwk> keys_;
};

// jwks_uri of a discovery document, which must be about this issuer (section 4.3) and must not lead from
// https to http. Errors: auth.discovery.
Result<std::string> parse_discovery(std::string_view json, std::string_view issuer);

// How long an answer with this Cache-Control may be used; `otherwise` when it does not say. no-store and
// no-cache: 0.
std::chrono::seconds cache_lifetime(std::string_view cache_control, std::chrono::seconds otherwise);

// "https://issuer.example:8443" of a URL; empty when it is no http(s) URL with a host.
std::string_view origin_of(std::string_view url);

}  // namespace millrace::auth
