#include "identities/identity_config.hpp"

#include <algorithm>

#include "identities/jwks.hpp"

namespace millrace::auth {
namespace {

constexpr std::size_t kMaxIssuers = 16;
constexpr std::size_t kMaxIssuerLength = 250;  // with a subject it is an account's name
constexpr std::string_view kFirebaseIssuer = "https://securetoken.google.com/";

std::vector<std::string> split(std::string_view list) {
  std::vector<std::string> parts;
  while (!list.empty()) {
    const std::size_t comma = std::min(list.find(','), list.size());
    std::string_view part = list.substr(0, comma);
    list.remove_prefix(std::min(comma + 1, list.size()));
    while (part.starts_with(' ')) part.remove_prefix(1);
    while (part.ends_with(' ')) part.remove_suffix(1);
    if (!part.empty()) parts.emplace_back(part);
  }
  return parts;
}

tl::unexpected<Error> refuse(std::string message) {
  return fail("config.identities", std::move(message));
}

std::string without_slash(std::string url) {
  while (url.ends_with('/')) url.pop_back();
  return url;
}

bool is_url(const std::string& text) {
  return !origin_of(text).empty();
}

bool is_project(std::string_view name) {
  return std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == ':' || c == '.';
  });
}

}  // namespace

void IdentityConfig::add_rows(ConfigTable& table) {
  table.text("OIDC_ISSUERS", issuers, "",
             "issuers whose bearer tokens (RS256, ES256) are taken beside our own, separated by commas; "
             "their keys are "
             "found by OpenID Connect discovery; needs JWT_AUDIENCE");
  table.text("JWKS_URL", jwks_url, "",
             "http(s) URL of the keys of JWT_ISSUER, for an issuer without discovery; needs JWT_AUDIENCE");
  table.text("JWT_ISSUER", issuer, "", "iss of the tokens whose keys are at JWKS_URL");
  table.text(
      "JWT_AUDIENCE", audiences, "",
      "what tokens of OIDC_ISSUERS and JWT_ISSUER must be meant for (aud), separated by commas; * for any");
  table.integer("JWT_LEEWAY_SECONDS", leeway_seconds, "30", {0, 300},
                "how far other issuers' clocks may differ from ours (exp, nbf, iat)");
  table.text("ADMIN_SUBJECTS", admin_subjects, "",
             "administrators among other issuers' users, separated by commas: issuer, vertical bar, sub");
  table.text("JWT_ADMIN_CLAIM", admin_claim, "",
             "claim of other issuers that makes an administrator: `role=admin`, `realm_access.roles=admin`");
  table.text("FIREBASE_PROJECT_ID", firebase_project, "", "Firebase project whose ID tokens are taken");
  table.text("FIREBASE_JWKS_URL", firebase_jwks_url,
             "https://www.googleapis.com/service_accounts/v1/jwk/securetoken@system.gserviceaccount.com",
             "keys of Firebase");
  table.secret(
      "CLERK_SECRET_KEY", clerk_secret,
      "secret key of a Clerk instance whose session tokens are taken; its keys are asked for with it");
  table.text("CLERK_ISSUER", clerk_issuer, "",
             "iss of Clerk's tokens (`https://clerk.example.com`); unset: any of Clerk's form that the "
             "instance's keys "
             "verify; without CLERK_SECRET_KEY the keys are asked for there");
  table.text("CLERK_API_URL", clerk_api_url, "https://api.clerk.com", "Clerk's backend API");
  table.text("CLERK_AUTHORIZED_PARTIES", clerk_parties, "",
             "origins that may have asked Clerk for a token (azp), separated by commas; unset: any");
}

Result<IdentitySettings> IdentityConfig::settings() const {
  IdentitySettings settings;
  settings.leeway_seconds = leeway_seconds;
  std::vector<std::string> names = split(audiences);
  const bool any = names == std::vector<std::string>{"*"};
  const std::vector<std::string> discovered = split(issuers);
  if (jwks_url.empty() != issuer.empty()) {
    return refuse(
        "JWKS_URL and JWT_ISSUER belong together (an issuer with discovery goes into OIDC_ISSUERS)");
  }
  if ((!discovered.empty() || !issuer.empty()) && names.empty()) {
    return refuse(
        "JWT_AUDIENCE is missing: without it every token of the issuer would do, whatever audience it was "
        "made for");
  }
  if (any) names.clear();
  for (const std::string& one : discovered) settings.issuers.push_back({.issuer = one, .audiences = names});
  if (!issuer.empty()) {
    settings.issuers.push_back({.issuer = issuer, .jwks_url = jwks_url, .audiences = names});
  }
  if (!firebase_project.empty()) {
    if (!is_project(firebase_project)) return refuse("FIREBASE_PROJECT_ID is no project's id");
    settings.issuers.push_back({.issuer = std::string(kFirebaseIssuer) + firebase_project,
                                .jwks_url = firebase_jwks_url,
                                .audiences = {firebase_project}});
  }
  if (!clerk_secret.empty() || !clerk_issuer.empty()) {
    const std::string keys = clerk_secret.empty() ? without_slash(clerk_issuer) + "/.well-known/jwks.json"
                                                  : without_slash(clerk_api_url) + "/v1/jwks";
    settings.issuers.push_back({.issuer = clerk_issuer,
                                .jwks_url = keys,
                                .bearer = clerk_secret,
                                .authorized_parties = split(clerk_parties)});
  }
  if (settings.issuers.size() > kMaxIssuers) return refuse("more than 16 issuers");
  std::set<std::string> seen;
  for (const IdentityIssuer& one : settings.issuers) {
    if (!one.issuer.empty() && (!is_url(one.issuer) || one.issuer.size() > kMaxIssuerLength)) {
      return refuse("an issuer is an http(s) URL of at most 250 characters");
    }
    if (!seen.insert(one.issuer).second) return refuse("an issuer is named twice");
    if (!one.jwks_url.empty() && !is_url(one.jwks_url)) return refuse("keys are found at http(s) URLs");
  }
  for (std::string& subject : split(admin_subjects)) {
    const std::size_t separator = subject.find(kSubjectSeparator);
    if (separator == std::string::npos || !settings.find(subject.substr(0, separator))) {
      return refuse("ADMIN_SUBJECTS names users of the configured issuers: https://issuer.example|sub");
    }
    settings.admin_subjects.insert(std::move(subject));
  }
  if (!admin_claim.empty()) {
    const std::size_t equals = admin_claim.rfind('=');
    if (equals == std::string::npos || equals == 0 || equals + 1 == admin_claim.size()) {
      return refuse("JWT_ADMIN_CLAIM is NAME=VALUE");
    }
    settings.admin_claim = admin_claim.substr(0, equals);
    settings.admin_value = admin_claim.substr(equals + 1);
  }
  return settings;
}

}  // namespace millrace::auth
