#include "streams/key_vault.hpp"

#include <optional>

namespace millrace::auth {
namespace {

constexpr std::string_view kAlphabet = "abcdefghijklmnopqrstuvwxyz0123456789";
constexpr std::size_t kStreamIdLength = 12;
constexpr std::size_t kKeyBytes = 16;

std::optional<std::uint8_t> digit(char c) {
  if (c >= '0' && c <= '9') return static_cast<std::uint8_t>(c - '0');
  if (c >= 'a' && c <= 'f') return static_cast<std::uint8_t>(c - 'a' + 10);
  return std::nullopt;
}

std::optional<Bytes> from_hex(std::string_view text) {
  if (text.size() % 2 != 0) return std::nullopt;
  Bytes bytes;
  bytes.reserve(text.size() / 2);
  for (std::size_t i = 0; i < text.size(); i += 2) {
    const auto high = digit(text[i]);
    const auto low = digit(text[i + 1]);
    if (!high || !low) return std::nullopt;
    bytes.push_back(static_cast<std::uint8_t>(*high << 4 | *low));
  }
  return bytes;
}

}  // namespace

Result<KeyVault> KeyVault::create(const Secret& server_secret) {
  if (server_secret.reveal().size() < kMinSecretLength) {
    return fail("auth.weak_secret",
                "MILLRACE_SECRET must have at least " + std::to_string(kMinSecretLength) + " characters");
  }
  return KeyVault(server_secret);
}

KeyVault::KeyVault(const Secret& server_secret)
    : lookup_key_(hkdf_sha256(as_bytes(server_secret.reveal()), "millrace stream key lookup 1")),
      seal_key_(hkdf_sha256(as_bytes(server_secret.reveal()), "millrace stream key seal 1")),
      verifier_(hkdf_sha256(as_bytes(server_secret.reveal()), "millrace server secret verifier 1")) {}

Secret KeyVault::new_key() {
  return Secret("sk_" + random_hex(kKeyBytes));
}

std::string KeyVault::new_stream_id() {
  // Bytes that would favour the front of the alphabet are thrown away.
  constexpr std::size_t kFair = 256 / kAlphabet.size() * kAlphabet.size();
  std::string id;
  while (id.size() < kStreamIdLength) {
    for (const std::uint8_t byte : random_bytes(kStreamIdLength - id.size())) {
      if (byte < kFair) id.push_back(kAlphabet[byte % kAlphabet.size()]);
    }
  }
  return id;
}

std::string KeyVault::lookup(std::string_view key) const {
  return hex(hmac_sha256(lookup_key_, as_bytes(key)));
}

std::string KeyVault::seal(const Secret& key, std::string_view stream_id) const {
  return hex(seal_aes256_gcm(seal_key_, as_bytes(key.reveal()), as_bytes(stream_id)));
}

Result<Secret> KeyVault::open(std::string_view sealed_hex, std::string_view stream_id) const {
  const std::optional<Bytes> sealed = from_hex(sealed_hex);
  if (!sealed) return fail("auth.unsealable", "not hexadecimal");
  Result<Bytes> plain = open_aes256_gcm(seal_key_, *sealed, as_bytes(stream_id));
  if (!plain) return tl::unexpected(plain.error());
  return Secret(std::string(as_text(*plain)));
}

}  // namespace millrace::auth
