// Passwords as argon2id hashes (RFC 9106), over libsodium: slow and large on purpose, so that a stolen
// database is no list of passwords. Immutable after creation; any thread. One call takes 50 to 100 ms and
// cost.memory_bytes: only HashPool calls it.
#pragma once

#include <string>

#include "base/result.hpp"
#include "base/secret.hpp"

namespace millrace::auth {

struct HashCost {
  unsigned long long operations = 2;
  std::size_t memory_bytes = 64UL << 20;
};

class PasswordHasher {
 public:
  // Errors: auth.sodium when the library does not start, or has not the memory.
  static Result<PasswordHasher> create(HashCost cost = {});

  // "$argon2id$v=19$m=…,t=…,p=1$salt$hash". Errors: auth.no_memory.
  Result<std::string> hash(const Secret& password) const;
  // Takes as long whether it is the right one or not.
  bool matches(const std::string& hash, const Secret& password) const;
  // Made at another cost than today's.
  bool is_outdated(const std::string& hash) const;
  // The hash of a password that nobody knows: compared with for an address that has no account, so that the
  // answer takes as long.
  const std::string& nobody() const { return nobody_; }

 private:
  explicit PasswordHasher(HashCost cost) : cost_(cost) {}

  HashCost cost_;
  std::string nobody_;
};

}  // namespace millrace::auth
