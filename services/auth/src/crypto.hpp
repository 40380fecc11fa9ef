// The four primitives that auth uses, over OpenSSL 3's EVP. Pure functions, any thread. A failure inside
// OpenSSL (no memory, no provider) is not something a caller can answer: it throws std::runtime_error.
#pragma once

#include <array>
#include <string_view>

#include "base/bytes.hpp"
#include "base/result.hpp"

namespace millrace::auth {

using Key256 = std::array<std::uint8_t, 32>;

// RFC 5869 with SHA-256, without salt; info separates the keys made of one secret.
Key256 hkdf_sha256(ByteView secret, std::string_view info);

// RFC 2104 with SHA-256.
Key256 hmac_sha256(ByteView key, ByteView message);

// AES-256-GCM (NIST SP 800-38D) with a random 96-bit nonce: nonce, ciphertext, 128-bit tag. associated is
// authenticated with it and must be the same to open it.
Bytes seal_aes256_gcm(const Key256& key, ByteView plain, ByteView associated);
// Errors: auth.unsealable when anything differs.
Result<Bytes> open_aes256_gcm(const Key256& key, ByteView sealed, ByteView associated);

}  // namespace millrace::auth
