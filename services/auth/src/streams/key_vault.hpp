// Stream keys: made, looked up and shown, so that the database alone gives none away. What the database holds
// is an HMAC of the key (to find it) and the key under AES-256-GCM (to show it to its owner), both with keys
// derived from the server secret. Immutable after creation; any thread.
#pragma once

#include <string>
#include <string_view>

#include "base/result.hpp"
#include "base/secret.hpp"
#include "crypto.hpp"

namespace millrace::auth {

class KeyVault {
 public:
  static constexpr std::size_t kMinSecretLength = 32;

  // Errors: auth.weak_secret when shorter than kMinSecretLength.
  static Result<KeyVault> create(const Secret& server_secret);

  // "sk_" and 128 bits of the kernel's randomness as 32 hexadecimal digits.
  static Secret new_key();
  // 12 of [a-z0-9]: 62 bits, public.
  static std::string new_stream_id();

  // What a key is found by: 64 hexadecimal digits, whatever the text is.
  std::string lookup(std::string_view key) const;
  // For the owner's eyes; opens for the same stream only.
  std::string seal(const Secret& key, std::string_view stream_id) const;
  Result<Secret> open(std::string_view sealed_hex, std::string_view stream_id) const;
  // Distinguishes server secrets without showing anything of them.
  std::string verifier() const { return hex(verifier_); }

 private:
  explicit KeyVault(const Secret& server_secret);

  Key256 lookup_key_;
  Key256 seal_key_;
  Key256 verifier_;
};

}  // namespace millrace::auth
