#include "crypto.hpp"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>

#include <memory>
#include <stdexcept>

#include "base/secret.hpp"

namespace millrace::auth {
namespace {

constexpr std::size_t kNonceLength = 12;
constexpr std::size_t kTagLength = 16;

struct Free {
  void operator()(EVP_KDF* kdf) const { EVP_KDF_free(kdf); }
  void operator()(EVP_KDF_CTX* context) const { EVP_KDF_CTX_free(context); }
  void operator()(EVP_CIPHER_CTX* context) const { EVP_CIPHER_CTX_free(context); }
};

void require(bool worked, const char* what) {
  if (!worked) throw std::runtime_error(std::string("OpenSSL failed: ") + what);
}

using CipherContext = std::unique_ptr<EVP_CIPHER_CTX, Free>;

CipherContext start_gcm(const Key256& key, ByteView nonce, ByteView associated, bool encrypt) {
  CipherContext context(EVP_CIPHER_CTX_new());
  require(context != nullptr, "EVP_CIPHER_CTX_new");
  require(EVP_CipherInit_ex(context.get(), EVP_aes_256_gcm(), nullptr, key.data(), nonce.data(),
                            encrypt ? 1 : 0) == 1,
          "EVP_CipherInit_ex");
  int length = 0;
  require(EVP_CipherUpdate(context.get(), nullptr, &length, associated.data(),
                           static_cast<int>(associated.size())) == 1,
          "associated data");
  return context;
}

}  // namespace

Key256 hkdf_sha256(ByteView secret, std::string_view info) {
  const std::unique_ptr<EVP_KDF, Free> kdf(EVP_KDF_fetch(nullptr, "HKDF", nullptr));
  require(kdf != nullptr, "HKDF");
  const std::unique_ptr<EVP_KDF_CTX, Free> context(EVP_KDF_CTX_new(kdf.get()));
  require(context != nullptr, "EVP_KDF_CTX_new");
  // OpenSSL's parameters are not const-correct; nothing is written through them.
  const OSSL_PARAM parameters[] = {
      OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, const_cast<char*>("SHA256"), 0),
      OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, const_cast<std::uint8_t*>(secret.data()),
                                        secret.size()),
      OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, const_cast<char*>(info.data()), info.size()),
      OSSL_PARAM_construct_end()};
  Key256 key{};
  require(EVP_KDF_derive(context.get(), key.data(), key.size(), parameters) == 1, "EVP_KDF_derive");
  return key;
}

Key256 hmac_sha256(ByteView key, ByteView message) {
  Key256 code{};
  std::size_t length = 0;
  require(EVP_Q_mac(nullptr, "HMAC", nullptr, "SHA256", nullptr, key.data(), key.size(), message.data(),
                    message.size(), code.data(), code.size(), &length) != nullptr,
          "EVP_Q_mac");
  return code;
}

Bytes seal_aes256_gcm(const Key256& key, ByteView plain, ByteView associated) {
  Bytes sealed = random_bytes(kNonceLength);
  const CipherContext context = start_gcm(key, sealed, associated, true);
  sealed.resize(kNonceLength + plain.size() + kTagLength);
  int length = 0;
  require(EVP_CipherUpdate(context.get(), sealed.data() + kNonceLength, &length, plain.data(),
                           static_cast<int>(plain.size())) == 1,
          "encrypt");
  std::uint8_t* const tag = sealed.data() + kNonceLength + plain.size();
  require(EVP_CipherFinal_ex(context.get(), tag, &length) == 1, "EVP_CipherFinal_ex");
  require(EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_AEAD_GET_TAG, kTagLength, tag) == 1, "tag");
  return sealed;
}

Result<Bytes> open_aes256_gcm(const Key256& key, ByteView sealed, ByteView associated) {
  if (sealed.size() < kNonceLength + kTagLength) return fail("auth.unsealable", "too short");
  const ByteView ciphertext = sealed.subspan(kNonceLength, sealed.size() - kNonceLength - kTagLength);
  const CipherContext context = start_gcm(key, sealed.first(kNonceLength), associated, false);
  Bytes plain(ciphertext.size() + 1);  // never empty, so that data() is a place
  int length = 0;
  require(EVP_CipherUpdate(context.get(), plain.data(), &length, ciphertext.data(),
                           static_cast<int>(ciphertext.size())) == 1,
          "decrypt");
  Bytes tag(sealed.end() - kTagLength, sealed.end());
  require(EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_AEAD_SET_TAG, kTagLength, tag.data()) == 1, "tag");
  int rest = 0;
  if (EVP_CipherFinal_ex(context.get(), plain.data() + length, &rest) != 1) {
    return fail("auth.unsealable", "sealed with another secret, or changed since");
  }
  plain.resize(ciphertext.size());
  return plain;
}

}  // namespace millrace::auth
