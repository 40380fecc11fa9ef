// The public keys that tokens of other issuers are verified with, over OpenSSL 3's EVP. What a key is for is
// part of the key: an RSA key verifies RS256 and nothing else, one on P-256 ES256 (RFC 7518 sections 3.3
// and 3.4), and neither is ever the secret of an HMAC. Immutable, cheap to copy; any thread.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include "base/bytes.hpp"
#include "base/result.hpp"

struct evp_pkey_st;

namespace millrace::auth {

enum class KeyAlgorithm : std::uint8_t { kRs256, kEs256 };
// By its name in the registry of RFC 7518; nullopt for every other one, in any other spelling too.
std::optional<KeyAlgorithm> parse_key_algorithm(std::string_view name);

class PublicKey {
 public:
  static constexpr std::size_t kMinModulusBits = 2048;
  static constexpr std::size_t kMaxModulusBits = 4096;  // what verifying costs grows with its square

  // Modulus and exponent, big-endian. Errors: auth.public_key.
  static Result<PublicKey> rsa(ByteView modulus, ByteView exponent);
  // Coordinates of a point on P-256, 32 bytes each. Errors: auth.public_key.
  static Result<PublicKey> p256(ByteView x, ByteView y);

  KeyAlgorithm algorithm() const { return algorithm_; }
  // RS256: as long as the modulus. ES256: r and s, 32 bytes each, neither zero.
  bool verifies(ByteView signature, ByteView message) const;

 private:
  PublicKey(KeyAlgorithm algorithm, std::shared_ptr<evp_pkey_st> key)
      : algorithm_(algorithm), key_(std::move(key)) {}

  KeyAlgorithm algorithm_;
  std::shared_ptr<evp_pkey_st> key_;
};

}  // namespace millrace::auth
