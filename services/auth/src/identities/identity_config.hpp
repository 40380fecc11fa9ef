// The configuration of external identities: one row each in docs/configuration.md.
#pragma once

#include <string>

#include "base/config.hpp"
#include "identities/identity_token.hpp"

namespace millrace::auth {

struct IdentityConfig {
  std::string issuers;
  std::string jwks_url;
  std::string issuer;
  std::string audiences;
  std::int64_t leeway_seconds = kTokenLeewaySeconds;
  std::string admin_subjects;
  std::string admin_claim;
  std::string firebase_project;
  std::string firebase_jwks_url;
  Secret clerk_secret;
  std::string clerk_issuer;
  std::string clerk_api_url;
  std::string clerk_parties;

  void add_rows(ConfigTable& table);
  // Errors: config.identities, for variables that need each other and for URLs that are none.
  Result<IdentitySettings> settings() const;
};

}  // namespace millrace::auth
