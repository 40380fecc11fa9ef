#include "identities/identity_token.hpp"

#include <algorithm>

namespace millrace::auth {
namespace {

using Json = nlohmann::json;

constexpr std::size_t kMaxKid = 256;

tl::unexpected<Error> refuse(const char* reason) {
  return fail("auth.token", reason);
}

// nullptr when it is absent or no string.
const std::string* text_of(const Json& object, const char* name) {
  const auto found = object.find(name);
  return found == object.end() ? nullptr : found->get_ptr<const std::string*>();
}

bool equal_ignoring_case(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) {
    const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; };
    return lower(x) == lower(y);
  });
}

// Absent, a plain one, or an access token (RFC 9068): a token that is meant for something else opens nothing
// here.
bool is_type_for_us(const Json& header) {
  if (!header.contains("typ")) return true;
  const std::string* type = text_of(header, "typ");
  if (type == nullptr) return false;
  return equal_ignoring_case(*type, "JWT") || equal_ignoring_case(*type, "at+jwt") ||
         equal_ignoring_case(*type, "application/at+jwt");
}

// "aud" is one name or several.
bool is_for_us(const Json& claims, const std::vector<std::string>& audiences) {
  if (audiences.empty()) return true;
  const auto found = claims.find("aud");
  if (found == claims.end()) return false;
  const auto is_ours = [&](const Json& name) {
    const auto* text = name.get_ptr<const std::string*>();
    return text != nullptr && std::find(audiences.begin(), audiences.end(), *text) != audiences.end();
  };
  return found->is_array() ? std::any_of(found->begin(), found->end(), is_ours) : is_ours(*found);
}

bool is_party_allowed(const Json& claims, const std::vector<std::string>& parties) {
  if (parties.empty() || !claims.contains("azp")) return true;
  const std::string* party = text_of(claims, "azp");
  return party != nullptr && std::find(parties.begin(), parties.end(), *party) != parties.end();
}

// By its whole name, else by the path that its name is. nullptr: there is none.
const Json* claim_at(const Json& claims, std::string_view name) {
  const auto whole = claims.find(std::string(name));
  if (whole != claims.end()) return &*whole;
  const Json* at = &claims;
  while (true) {
    const std::size_t dot = name.find('.');
    if (!at->is_object()) return nullptr;
    const auto found = at->find(std::string(name.substr(0, dot)));
    if (found == at->end()) return nullptr;
    at = &*found;
    if (dot == std::string_view::npos) return at;
    name.remove_prefix(dot + 1);
  }
}

bool says(const Json& value, const std::string& wanted) {
  if (const auto* text = value.get_ptr<const std::string*>()) return *text == wanted;
  return value.is_boolean() && wanted == (value.get<bool>() ? "true" : "false");
}

bool is_admin(const Json& claims, const std::string& subject, const IdentitySettings& settings) {
  if (settings.admin_subjects.contains(subject)) return true;
  if (settings.admin_claim.empty()) return false;
  const Json* value = claim_at(claims, settings.admin_claim);
  if (value == nullptr) return false;
  if (!value->is_array()) return says(*value, settings.admin_value);
  return std::any_of(value->begin(), value->end(),
                     [&](const Json& one) { return says(one, settings.admin_value); });
}

// "https://clerk.example.com", "https://name.clerk.accounts.dev".
bool has_clerks_form(std::string_view iss) {
  constexpr std::string_view kScheme = "https://";
  if (!iss.starts_with(kScheme)) return false;
  const std::string_view host = iss.substr(kScheme.size());
  const bool plain = std::all_of(host.begin(), host.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.';
  });
  return plain && (host.starts_with("clerk.") || host.ends_with(".clerk.accounts.dev"));
}

}  // namespace

std::optional<std::size_t> IdentitySettings::find(std::string_view iss) const {
  for (std::size_t i = 0; i < issuers.size(); ++i) {
    if (!issuers[i].issuer.empty() && issuers[i].issuer == iss) return i;
  }
  for (std::size_t i = 0; i < issuers.size(); ++i) {
    if (issuers[i].issuer.empty() && has_clerks_form(iss)) return i;
  }
  return std::nullopt;
}

Result<ForeignToken> read_foreign_token(std::string_view token) {
  std::optional<JwsParts> parts = split_jws(token);
  if (!parts) return refuse("not three parts");
  const std::optional<Json> header = decode_json_object(parts->header);
  if (!header) return refuse("bad header");
  const std::string* name = text_of(*header, "alg");
  const std::optional<KeyAlgorithm> algorithm = name == nullptr ? std::nullopt : parse_key_algorithm(*name);
  if (!algorithm) return refuse("another algorithm");
  for (const char* field : {"crit", "jku", "x5u", "jwk"}) {
    if (header->contains(field)) return refuse("bad header");
  }
  if (!is_type_for_us(*header)) return refuse("another type of token");
  std::string kid;
  if (header->contains("kid")) {
    const std::string* text = text_of(*header, "kid");
    if (text == nullptr || text->empty() || text->size() > kMaxKid) return refuse("bad key id");
    kid = *text;
  }
  std::optional<Json> claims = decode_json_object(parts->claims);
  const std::string* issuer = claims ? text_of(*claims, "iss") : nullptr;
  if (issuer == nullptr) return refuse("no issuer");
  return ForeignToken{.parts = std::move(*parts),
                      .algorithm = *algorithm,
                      .kid = std::move(kid),
                      .issuer = *issuer,
                      .claims = std::move(*claims)};
}

Result<TokenClaims> check_foreign_claims(const ForeignToken& token, const IdentityIssuer& issuer,
                                         const IdentitySettings& settings, WallTime now) {
  const Json& claims = token.claims;
  if (const char* wrong = what_is_wrong_with_times(claims, now, settings.leeway_seconds))
    return refuse(wrong);
  if (!is_for_us(claims, issuer.audiences)) return refuse("another audience");
  if (!is_party_allowed(claims, issuer.authorized_parties)) return refuse("another party");
  const std::string* subject = text_of(claims, "sub");
  if (subject == nullptr || subject->empty()) return refuse("no subject");
  if (subject->size() > kMaxForeignSubject) return refuse("impossible subject");
  TokenClaims good;
  good.subject = token.issuer + kSubjectSeparator + *subject;
  if (!is_valid_subject(good.subject)) return refuse("impossible subject");
  good.expires_wall = expiry(claims, settings.leeway_seconds);
  good.admin = is_admin(claims, good.subject, settings);
  return good;
}

}  // namespace millrace::auth
