#include "accounts/password_hasher.hpp"

#include <sodium.h>

#include <array>

namespace millrace::auth {

Result<PasswordHasher> PasswordHasher::create(HashCost cost) {
  if (sodium_init() < 0) return fail("auth.sodium", "libsodium does not start");
  PasswordHasher hasher(cost);
  Result<std::string> nobody = hasher.hash(Secret(random_hex(16)));
  if (!nobody) return tl::unexpected<Error>(nobody.error());
  hasher.nobody_ = std::move(*nobody);
  return hasher;
}

Result<std::string> PasswordHasher::hash(const Secret& password) const {
  std::array<char, crypto_pwhash_STRBYTES> text{};
  const std::string& clear = password.reveal();
  if (crypto_pwhash_str_alg(text.data(), clear.data(), clear.size(), cost_.operations, cost_.memory_bytes,
                            crypto_pwhash_ALG_ARGON2ID13) != 0)
    return fail("auth.no_memory", "no memory to hash a password");
  return std::string(text.data());
}

bool PasswordHasher::matches(const std::string& hash, const Secret& password) const {
  const std::string& clear = password.reveal();
  return crypto_pwhash_str_verify(hash.c_str(), clear.data(), clear.size()) == 0;
}

bool PasswordHasher::is_outdated(const std::string& hash) const {
  return crypto_pwhash_str_needs_rehash(hash.c_str(), cost_.operations, cost_.memory_bytes) != 0;
}

}  // namespace millrace::auth
