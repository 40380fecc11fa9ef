// An issuer of tokens, for tests: makes keys, publishes them as JSON Web Keys and signs.
#pragma once

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "base/base64url.hpp"

namespace millrace::auth::testing {

using Json = nlohmann::json;

class SigningKey {
 public:
  static SigningKey rsa(const std::string& kid, unsigned bits = 2048) {
    return {EVP_RSA_gen(bits), kid, true};
  }
  static SigningKey p256(const std::string& kid) { return {EVP_EC_gen("P-256"), kid, false}; }

  Json jwk() const {
    if (is_rsa_) {
      return {{"kty", "RSA"},
              {"kid", kid_},
              {"n", number(OSSL_PKEY_PARAM_RSA_N)},
              {"e", number(OSSL_PKEY_PARAM_RSA_E)}};
    }
    return {{"kty", "EC"},
            {"kid", kid_},
            {"crv", "P-256"},
            {"x", number(OSSL_PKEY_PARAM_EC_PUB_X, 32)},
            {"y", number(OSSL_PKEY_PARAM_EC_PUB_Y, 32)}};
  }

  std::string algorithm() const { return is_rsa_ ? "RS256" : "ES256"; }
  const std::string& kid() const { return kid_; }

  Bytes signature(const std::string& text) const {
    const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(), EVP_MD_CTX_free);
    EVP_DigestSignInit(context.get(), nullptr, EVP_sha256(), nullptr, key_.get());
    Bytes out(512);
    std::size_t length = out.size();
    EVP_DigestSign(context.get(), out.data(), &length, reinterpret_cast<const std::uint8_t*>(text.data()),
                   text.size());
    out.resize(length);
    return is_rsa_ ? out : raw(out);
  }

  std::string token(const Json& claims, const Json& header = Json::object()) const {
    Json all = {{"alg", algorithm()}, {"typ", "JWT"}, {"kid", kid_}};
    all.merge_patch(header);
    const std::string part =
        encode_base64url(as_bytes(all.dump())) + "." + encode_base64url(as_bytes(claims.dump()));
    return part + "." + encode_base64url(signature(part));
  }

 private:
  SigningKey(EVP_PKEY* key, std::string kid, bool is_rsa)
      : key_(key, EVP_PKEY_free), kid_(std::move(kid)), is_rsa_(is_rsa) {}

  std::string number(const char* name, std::size_t width = 0) const {
    BIGNUM* value = nullptr;
    EVP_PKEY_get_bn_param(key_.get(), name, &value);
    Bytes bytes(width != 0 ? width : static_cast<std::size_t>(BN_num_bytes(value)));
    BN_bn2binpad(value, bytes.data(), static_cast<int>(bytes.size()));
    BN_free(value);
    return encode_base64url(bytes);
  }

  static Bytes raw(const Bytes& der) {
    const std::uint8_t* at = der.data();
    ECDSA_SIG* const signature = d2i_ECDSA_SIG(nullptr, &at, static_cast<long>(der.size()));
    Bytes both(64);
    BN_bn2binpad(ECDSA_SIG_get0_r(signature), both.data(), 32);
    BN_bn2binpad(ECDSA_SIG_get0_s(signature), both.data() + 32, 32);
    ECDSA_SIG_free(signature);
    return both;
  }

  std::shared_ptr<EVP_PKEY> key_;
  std::string kid_;
  bool is_rsa_;
};

inline std::string jwks(const std::vector<Json>& keys) {
  return Json{{"keys", keys}}.dump();
}

}  // namespace millrace::auth::testing
