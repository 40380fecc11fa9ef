#include "identities/public_key.hpp"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>

#include <algorithm>

namespace millrace::auth {
namespace {

constexpr std::size_t kCoordinate = 32;

struct Free {
  void operator()(BIGNUM* number) const { BN_free(number); }
  void operator()(OSSL_PARAM_BLD* builder) const { OSSL_PARAM_BLD_free(builder); }
  void operator()(OSSL_PARAM* parameters) const { OSSL_PARAM_free(parameters); }
  void operator()(EVP_PKEY_CTX* context) const { EVP_PKEY_CTX_free(context); }
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
  void operator()(ECDSA_SIG* signature) const { ECDSA_SIG_free(signature); }
};
template <class T>
using Owned = std::unique_ptr<T, Free>;
using Key = std::shared_ptr<EVP_PKEY>;

// What one foreign key or signature leaves behind is not the next one's error.
struct ErrorQueue {
  ErrorQueue() = default;
  ~ErrorQueue() { ERR_clear_error(); }
  ErrorQueue(const ErrorQueue&) = delete;
  ErrorQueue& operator=(const ErrorQueue&) = delete;
};

Owned<BIGNUM> number(ByteView bytes) {
  return Owned<BIGNUM>(BN_bin2bn(bytes.data(), static_cast<int>(bytes.size()), nullptr));
}

// nullptr when OpenSSL does not take the parameters, or says that they are no key.
Key make_key(const char* type, OSSL_PARAM_BLD* builder) {
  const Owned<OSSL_PARAM> parameters(OSSL_PARAM_BLD_to_param(builder));
  const Owned<EVP_PKEY_CTX> context(EVP_PKEY_CTX_new_from_name(nullptr, type, nullptr));
  EVP_PKEY* made = nullptr;
  if (!parameters || !context || EVP_PKEY_fromdata_init(context.get()) != 1 ||
      EVP_PKEY_fromdata(context.get(), &made, EVP_PKEY_PUBLIC_KEY, parameters.get()) != 1) {
    return nullptr;
  }
  Key key(made, Free());
  const Owned<EVP_PKEY_CTX> check(EVP_PKEY_CTX_new_from_pkey(nullptr, key.get(), nullptr));
  return check && EVP_PKEY_public_check(check.get()) == 1 ? key : nullptr;
}

bool is_zero(ByteView bytes) {
  return std::all_of(bytes.begin(), bytes.end(), [](std::uint8_t byte) { return byte == 0; });
}

// r and s side by side, as JSON Web Signatures have them, in the form that OpenSSL takes; empty when they are
// none.
Bytes ecdsa_der(ByteView raw) {
  if (raw.size() != 2 * kCoordinate) return {};
  const ByteView r = raw.first(kCoordinate);
  const ByteView s = raw.subspan(kCoordinate);
  if (is_zero(r) || is_zero(s)) return {};
  const Owned<ECDSA_SIG> signature(ECDSA_SIG_new());
  Owned<BIGNUM> r_number = number(r);
  Owned<BIGNUM> s_number = number(s);
  if (!signature || !r_number || !s_number) return {};
  if (ECDSA_SIG_set0(signature.get(), r_number.get(), s_number.get()) != 1) return {};
  // The signature owns them now.
  static_cast<void>(r_number.release());
  static_cast<void>(s_number.release());
  std::uint8_t* encoded = nullptr;
  const int length = i2d_ECDSA_SIG(signature.get(), &encoded);
  if (length <= 0) return {};
  Bytes der(encoded, encoded + length);
  OPENSSL_free(encoded);
  return der;
}

}  // namespace

std::optional<KeyAlgorithm> parse_key_algorithm(std::string_view name) {
  if (name == "RS256") return KeyAlgorithm::kRs256;
  if (name == "ES256") return KeyAlgorithm::kEs256;
  return std::nullopt;
}

Result<PublicKey> PublicKey::rsa(ByteView modulus, ByteView exponent) {
  const ErrorQueue errors;
  // Looked at before OpenSSL is, whose work grows with them.
  if (modulus.size() > kMaxModulusBits / 8 + 1 || exponent.empty() || exponent.size() > 4) {
    return fail("auth.public_key", "modulus or exponent out of range");
  }
  const Owned<BIGNUM> n = number(modulus);
  const Owned<BIGNUM> e = number(exponent);
  const Owned<OSSL_PARAM_BLD> builder(OSSL_PARAM_BLD_new());
  if (!n || !e || !builder) return fail("auth.public_key", "no memory");
  const auto bits = static_cast<std::size_t>(BN_num_bits(n.get()));
  if (bits < kMinModulusBits || bits > kMaxModulusBits || BN_is_odd(n.get()) == 0) {
    return fail("auth.public_key", "a modulus has 2048 to 4096 bits");
  }
  if (BN_is_odd(e.get()) == 0 || BN_is_one(e.get()) != 0) {
    return fail("auth.public_key", "an exponent is odd and more than 1");
  }
  if (OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_N, n.get()) != 1 ||
      OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_E, e.get()) != 1) {
    return fail("auth.public_key", "no memory");
  }
  Key key = make_key("RSA", builder.get());
  if (!key) return fail("auth.public_key", "not an RSA key");
  return PublicKey(KeyAlgorithm::kRs256, std::move(key));
}

Result<PublicKey> PublicKey::p256(ByteView x, ByteView y) {
  const ErrorQueue errors;
  if (x.size() != kCoordinate || y.size() != kCoordinate) {
    return fail("auth.public_key", "a coordinate of P-256 has 32 bytes");
  }
  Bytes point{0x04};  // uncompressed (SEC 1 section 2.3.3)
  point.insert(point.end(), x.begin(), x.end());
  point.insert(point.end(), y.begin(), y.end());
  const Owned<OSSL_PARAM_BLD> builder(OSSL_PARAM_BLD_new());
  if (!builder ||
      OSSL_PARAM_BLD_push_utf8_string(builder.get(), OSSL_PKEY_PARAM_GROUP_NAME, "prime256v1", 0) != 1 ||
      OSSL_PARAM_BLD_push_octet_string(builder.get(), OSSL_PKEY_PARAM_PUB_KEY, point.data(), point.size()) !=
          1) {
    return fail("auth.public_key", "no memory");
  }
  Key key = make_key("EC", builder.get());
  if (!key) return fail("auth.public_key", "not a point of P-256");
  return PublicKey(KeyAlgorithm::kEs256, std::move(key));
}

bool PublicKey::verifies(ByteView signature, ByteView message) const {
  const ErrorQueue errors;
  Bytes der;
  if (algorithm_ == KeyAlgorithm::kEs256) {
    der = ecdsa_der(signature);
    if (der.empty()) return false;
    signature = der;
  } else if (signature.size() != static_cast<std::size_t>(EVP_PKEY_get_size(key_.get()))) {
    return false;
  }
  const Owned<EVP_MD_CTX> context(EVP_MD_CTX_new());
  return context &&
         EVP_DigestVerifyInit_ex(context.get(), nullptr, "SHA256", nullptr, nullptr, key_.get(), nullptr) ==
             1 &&
         EVP_DigestVerify(context.get(), signature.data(), signature.size(), message.data(),
                          message.size()) == 1;
}

}  // namespace millrace::auth
