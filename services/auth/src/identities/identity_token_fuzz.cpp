// Tokens of strangers: split, header, claims. The input is "header.claims" in clear, so that the JSON is
// reached.
#include <cstdint>
#include <string>

#include "base/base64url.hpp"
#include "identities/identity_token.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace millrace;
  using namespace millrace::auth;
  static const IdentitySettings settings{
      .issuers = {{.issuer = "https://a.example", .audiences = {"us"}, .authorized_parties = {"p"}},
                  {.issuer = ""}},
      .admin_subjects = {"https://a.example|root"},
      .admin_claim = "realm.roles",
      .admin_value = "admin"};
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  static_cast<void>(read_foreign_token(text));
  const std::size_t split = std::min(text.find('\n'), size);
  const std::string token = encode_base64url(as_bytes(text.substr(0, split))) + "." +
                            encode_base64url(as_bytes(text.substr(std::min(split + 1, size)))) + ".AAAA";
  const Result<ForeignToken> read = read_foreign_token(token);
  if (!read) return 0;
  for (const IdentityIssuer& issuer : settings.issuers) {
    const Result<TokenClaims> claims =
        check_foreign_claims(*read, issuer, settings, WallTime::from_seconds(1'800'000'000));
    if (claims && !is_valid_subject(claims->subject)) __builtin_trap();
  }
  return 0;
}
