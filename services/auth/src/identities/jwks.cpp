#include "identities/jwks.hpp"

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>
#include <optional>

#include "base/base64url.hpp"
#include "base/bounded_json.hpp"

namespace millrace::auth {
namespace {

using Json = nlohmann::json;

constexpr std::size_t kMaxUrl = 2048;

// nullptr when it is absent or no string.
const std::string* text_of(const Json& object, const char* name) {
  const auto found = object.find(name);
  return found == object.end() ? nullptr : found->get_ptr<const std::string*>();
}

// "use" and "key_ops" (RFC 7517 sections 4.2 and 4.3): absent, or for signatures.
bool is_for_signatures(const Json& jwk) {
  if (jwk.contains("use") && jwk["use"] != "sig") return false;
  const auto operations = jwk.find("key_ops");
  return operations == jwk.end() ||
         (operations->is_array() &&
          std::find(operations->begin(), operations->end(), "verify") != operations->end());
}

std::optional<Bytes> bytes_of(const Json& jwk, const char* name) {
  const std::string* text = text_of(jwk, name);
  return text == nullptr ? std::nullopt : decode_base64url(*text);
}

std::optional<PublicKey> parse_key(const Json& jwk) {
  const std::string* type = text_of(jwk, "kty");
  if (type == nullptr) return std::nullopt;
  std::optional<Bytes> first;
  std::optional<Bytes> second;
  const bool rsa = *type == "RSA";
  if (rsa) {
    first = bytes_of(jwk, "n");
    second = bytes_of(jwk, "e");
  } else if (*type == "EC" && jwk.value("crv", Json()) == "P-256") {
    first = bytes_of(jwk, "x");
    second = bytes_of(jwk, "y");
  }
  if (!first || !second) return std::nullopt;
  Result<PublicKey> key = rsa ? PublicKey::rsa(*first, *second) : PublicKey::p256(*first, *second);
  if (!key) return std::nullopt;
  return *std::move(key);
}

// nullopt: not for verifying RS256 or ES256. A private key in public is nobody's key any more.
std::optional<Jwk> parse_jwk(const Json& jwk) {
  if (!jwk.is_object() || !is_for_signatures(jwk) || jwk.contains("d")) return std::nullopt;
  std::string kid;
  if (jwk.contains("kid")) {
    const std::string* name = text_of(jwk, "kid");
    if (name == nullptr || name->size() > KeySet::kMaxKidLength) return std::nullopt;
    kid = *name;
  }
  if (jwk.contains("alg")) {
    const std::string* name = text_of(jwk, "alg");
    const std::optional<KeyAlgorithm> algorithm = name == nullptr ? std::nullopt : parse_key_algorithm(*name);
    if (!algorithm || (*algorithm == KeyAlgorithm::kRs256) != (jwk.value("kty", Json()) == "RSA"))
      return std::nullopt;
  }
  std::optional<PublicKey> key = parse_key(jwk);
  if (!key) return std::nullopt;
  return Jwk{std::move(kid), std::move(*key)};
}

bool is_digits(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

// Lower case, without blanks around it.
std::string directive(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  std::string lower(text);
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return lower;
}

// A set of keys, some with chains of certificates.
constexpr JsonLimits kDocumentLimits{.bytes = 256UL << 10, .depth = 8, .values = 8192};

}  // namespace

Result<KeySet> KeySet::parse(std::string_view json) {
  const Json document = parse_json(json, kDocumentLimits).value_or(nullptr);
  if (!document.is_object()) return fail("auth.jwks", "not a JSON object");
  const auto keys = document.find("keys");
  if (keys == document.end() || !keys->is_array()) return fail("auth.jwks", "no array of keys");
  if (keys->size() > kMaxKeys) return fail("auth.jwks", "more than 64 keys");
  KeySet set;
  for (const Json& jwk : *keys) {
    if (std::optional<Jwk> key = parse_jwk(jwk)) set.keys_.push_back(std::move(*key));
  }
  return set;
}

const PublicKey* KeySet::find(std::string_view kid, KeyAlgorithm algorithm) const {
  const PublicKey* found = nullptr;
  for (const Jwk& jwk : keys_) {
    if (jwk.key.algorithm() != algorithm || (!kid.empty() && jwk.kid != kid)) continue;
    if (!kid.empty()) return &jwk.key;
    if (found != nullptr) return nullptr;
    found = &jwk.key;
  }
  return found;
}

Result<std::string> parse_discovery(std::string_view json, std::string_view issuer) {
  const Json document = parse_json(json, kDocumentLimits).value_or(nullptr);
  if (!document.is_object()) return fail("auth.discovery", "not a JSON object");
  const std::string* about = text_of(document, "issuer");
  if (about == nullptr || *about != issuer) return fail("auth.discovery", "it is about another issuer");
  const std::string* uri = text_of(document, "jwks_uri");
  if (uri == nullptr || uri->size() > kMaxUrl || origin_of(*uri).empty()) {
    return fail("auth.discovery", "no usable jwks_uri");
  }
  if (issuer.starts_with("https:") && !uri->starts_with("https:")) {
    return fail("auth.discovery", "jwks_uri is not https");
  }
  return *uri;
}

std::chrono::seconds cache_lifetime(std::string_view cache_control, std::chrono::seconds otherwise) {
  constexpr std::string_view kMaxAge = "max-age=";
  std::chrono::seconds lifetime = otherwise;
  while (!cache_control.empty()) {
    const std::size_t comma = std::min(cache_control.find(','), cache_control.size());
    const std::string one = directive(cache_control.substr(0, comma));
    cache_control.remove_prefix(std::min(comma + 1, cache_control.size()));
    if (one == "no-store" || one == "no-cache") return std::chrono::seconds(0);
    if (!one.starts_with(kMaxAge) || !is_digits(std::string_view(one).substr(kMaxAge.size()))) continue;
    std::int32_t seconds = 0;
    const auto [end, error] = std::from_chars(one.data() + kMaxAge.size(), one.data() + one.size(), seconds);
    lifetime =
        std::chrono::seconds(error == std::errc() ? seconds : std::numeric_limits<std::int32_t>::max());
  }
  return lifetime;
}

std::string_view origin_of(std::string_view url) {
  std::size_t start = 0;
  for (const std::string_view scheme : {"https://", "http://"}) {
    if (url.starts_with(scheme)) start = scheme.size();
  }
  if (start == 0) return {};
  const bool plain = std::all_of(url.begin(), url.end(),
                                 [](char c) { return c > ' ' && c < 0x7F && c != '|' && c != '\\'; });
  const std::size_t end = std::min(url.find_first_of("/?#", start), url.size());
  if (!plain || end == start || url.substr(start, end - start).find('@') != std::string_view::npos) return {};
  return url.substr(0, end);
}

}  // namespace millrace::auth
