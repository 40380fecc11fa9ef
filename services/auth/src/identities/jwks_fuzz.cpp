// The documents of issuers: key sets, discovery, Cache-Control.
#include <cstdint>

#include "identities/jwks.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace millrace::auth;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto set = KeySet::parse(text)) {
    if (const PublicKey* key = set->find("", KeyAlgorithm::kEs256)) {
      const std::vector<std::uint8_t> signature(64, 1);
      if (key->verifies(signature, signature)) __builtin_trap();
    }
  }
  static_cast<void>(parse_discovery(text, "https://issuer.example"));
  if (cache_lifetime(text, std::chrono::seconds(1)).count() < 0) __builtin_trap();
  return 0;
}
