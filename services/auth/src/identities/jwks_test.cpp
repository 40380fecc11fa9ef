#include "identities/jwks.hpp"

#include <gtest/gtest.h>

#include "base/base64url.hpp"
#include "identities/identity_testing.hpp"

namespace millrace::auth {
namespace {

using testing::Json;
using testing::jwks;
using testing::SigningKey;

const SigningKey& rsa() {
  static const SigningKey key = SigningKey::rsa("r1");
  return key;
}
const SigningKey& p256() {
  static const SigningKey key = SigningKey::p256("e1");
  return key;
}
Json changed(Json jwk, const Json& changes) {
  jwk.merge_patch(changes);
  return jwk;
}
Bytes decoded(const char* text) {
  return decode_base64url(text).value();
}

TEST(PublicKey, VerifiesTheExamplesOfRfc7515) {
  // Appendix A.2 and A.3.
  const auto n = decoded(
      "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-"
      "SFd2lZS-"
      "pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-"
      "UTo7WTBEMa2R2CapH"
      "g665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_"
      "h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4F"
      "RWyuXpoQ");
  const std::string claims =
      "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
  const Bytes signature = decoded(
      "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_"
      "O8W2Fp5jujGbds9uJdbF9CUAr7t1"
      "dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_"
      "dO--xi12jzD"
      "wusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_"
      "IoypGlUPQGe"
      "77Rw");
  const PublicKey key = PublicKey::rsa(n, decoded("AQAB")).value();
  EXPECT_TRUE(key.verifies(signature, as_bytes("eyJhbGciOiJSUzI1NiJ9." + claims)));
  EXPECT_FALSE(key.verifies(signature, as_bytes("eyJhbGciOiJSUzI1NiJ9." + claims + "A")));

  const PublicKey curve = PublicKey::p256(decoded("f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU"),
                                          decoded("x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"))
                              .value();
  const Bytes point =
      decoded("DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q");
  EXPECT_TRUE(curve.verifies(point, as_bytes("eyJhbGciOiJFUzI1NiJ9." + claims)));
  EXPECT_FALSE(curve.verifies(signature, as_bytes("eyJhbGciOiJFUzI1NiJ9." + claims)));
}

TEST(PublicKey, RefusesSignaturesThatAreNone) {
  const KeySet set = KeySet::parse(jwks({rsa().jwk(), p256().jwk()})).value();
  const PublicKey& key = *set.find("e1", KeyAlgorithm::kEs256);
  const Bytes good = p256().signature("text");
  EXPECT_TRUE(key.verifies(good, as_bytes("text")));
  Bytes r_zero = good;
  std::fill(r_zero.begin(), r_zero.begin() + 32, std::uint8_t{0});
  Bytes s_zero = good;
  std::fill(s_zero.begin() + 32, s_zero.end(), std::uint8_t{0});
  Bytes beyond_the_order(64, 0xFF);
  Bytes longer = good;
  longer.push_back(0);
  for (const Bytes& bad :
       {Bytes(), Bytes(64), r_zero, s_zero, beyond_the_order, longer, Bytes(good.begin(), good.end() - 1)}) {
    EXPECT_FALSE(key.verifies(bad, as_bytes("text")));
  }
  const PublicKey& other = *set.find("r1", KeyAlgorithm::kRs256);
  const Bytes signature = rsa().signature("text");
  EXPECT_TRUE(other.verifies(signature, as_bytes("text")));
  for (std::size_t size = 0; size < signature.size(); ++size) {
    EXPECT_FALSE(other.verifies(ByteView(signature).first(size), as_bytes("text"))) << size;
  }
  EXPECT_FALSE(other.verifies(Bytes(signature.size()), as_bytes("text")));
}

struct KeyCase {
  const char* name;
  Json jwk;
  bool usable = false;
};

std::vector<KeyCase> key_cases() {
  const Json good = rsa().jwk();
  const Json curve = p256().jwk();
  return {
      {"Rsa", good, true},
      {"P256", curve, true},
      {"RsaWithAlg", changed(good, {{"alg", "RS256"}, {"use", "sig"}, {"key_ops", {"verify"}}}), true},
      {"P256WithAlg", changed(curve, {{"alg", "ES256"}}), true},
      {"NoKid", changed(good, {{"kid", nullptr}}), true},
      {"ForEncryption", changed(good, {{"use", "enc"}})},
      {"UseNumber", changed(good, {{"use", 1}})},
      {"OtherOperations", changed(good, {{"key_ops", {"wrapKey"}}})},
      {"OperationsNoArray", changed(good, {{"key_ops", "verify"}})},
      {"OtherAlg", changed(good, {{"alg", "PS256"}})},
      {"AlgOfSecrets", changed(good, {{"alg", "HS256"}})},
      {"AlgNone", changed(good, {{"alg", "none"}})},
      {"AlgOfTheOtherKind", changed(good, {{"alg", "ES256"}})},
      {"AlgOfTheOtherKindToo", changed(curve, {{"alg", "RS256"}})},
      {"AlgNumber", changed(good, {{"alg", 256}})},
      {"Private", changed(good, {{"d", "AQAB"}})},
      {"Secret", {{"kty", "oct"}, {"kid", "r1"}, {"k", "AAAA"}}},
      {"OtherCurve", changed(curve, {{"crv", "P-384"}})},
      {"NoCurve", changed(curve, {{"crv", nullptr}})},
      {"NotOnTheCurve", changed(curve, {{"x", curve["y"]}})},
      {"ShortCoordinate", changed(curve, {{"x", "AAAA"}})},
      {"Infinity", changed(curve, {{"x", encode_base64url(Bytes(32))}, {"y", encode_base64url(Bytes(32))}})},
      {"ShortModulus", SigningKey::rsa("r1", 1024).jwk()},
      {"HugeModulus", changed(good, {{"n", encode_base64url(Bytes(8192, 0xFF))}})},
      {"EvenModulus", changed(good, {{"n", encode_base64url(Bytes(256, 0xFE))}})},
      {"ZeroModulus", changed(good, {{"n", encode_base64url(Bytes(256))}})},
      {"ExponentOne", changed(good, {{"e", "AQ"}})},
      {"ExponentEven", changed(good, {{"e", "Ag"}})},
      {"ExponentEmpty", changed(good, {{"e", ""}})},
      {"ExponentHuge", changed(good, {{"e", encode_base64url(Bytes(256, 0xFF))}})},
      {"ModulusPadded", changed(good, {{"n", good["n"].get<std::string>() + "="}})},
      {"ModulusNumber", changed(good, {{"n", 7}})},
      {"KidNumber", changed(good, {{"kid", 7}})},
      {"KidHuge", changed(good, {{"kid", std::string(257, 'k')}})},
      {"NoType", changed(good, {{"kty", nullptr}})},
      {"NotAnObject", "key"},
  };
}

TEST(KeySet, TakesKeysForSignaturesOnly) {
  for (const KeyCase& c : key_cases()) {
    const Result<KeySet> set = KeySet::parse(jwks({c.jwk, p256().jwk()}));
    ASSERT_TRUE(set) << c.name;
    EXPECT_EQ(set->size(), c.usable ? 2U : 1U) << c.name;
  }
}

TEST(KeySet, FindsAKeyByNameAndAlgorithm) {
  const KeySet one = KeySet::parse(jwks({rsa().jwk(), p256().jwk()})).value();
  EXPECT_NE(one.find("r1", KeyAlgorithm::kRs256), nullptr);
  EXPECT_EQ(one.find("r1", KeyAlgorithm::kEs256), nullptr) << "the algorithm is the key's";
  EXPECT_EQ(one.find("r2", KeyAlgorithm::kRs256), nullptr);
  EXPECT_NE(one.find("", KeyAlgorithm::kRs256), nullptr) << "there is but one";
  const KeySet two = KeySet::parse(jwks({rsa().jwk(), changed(rsa().jwk(), {{"kid", "r2"}})})).value();
  EXPECT_EQ(two.find("", KeyAlgorithm::kRs256), nullptr);
}

TEST(KeySet, RefusesWhatIsNone) {
  for (const std::string& bad :
       {std::string(), std::string("<html>"), std::string("[]"), std::string("{}"),
        std::string(R"({"keys":{}})"), std::string(300'000, '['), jwks(std::vector<Json>(65, rsa().jwk()))}) {
    EXPECT_EQ(KeySet::parse(bad).error().code, "auth.jwks") << bad.substr(0, 20);
  }
  EXPECT_EQ(KeySet::parse(R"({"keys":[]})").value().size(), 0U);
  EXPECT_EQ(KeySet::parse(jwks(std::vector<Json>(64, rsa().jwk()))).value().size(), 64U);
  const std::string good = jwks({rsa().jwk(), p256().jwk()});
  for (std::size_t size = 0; size < good.size(); ++size)
    EXPECT_FALSE(KeySet::parse(good.substr(0, size))) << size;
}

TEST(Discovery, GivesTheAddressOfTheKeys) {
  struct Case {
    const char* issuer;
    const char* json;
    const char* uri;  // nullptr: refused
  };
  const Case cases[] = {
      {"https://a.example", R"({"issuer":"https://a.example","jwks_uri":"https://a.example/k"})",
       "https://a.example/k"},
      {"https://a.example", R"({"issuer":"https://a.example","jwks_uri":"https://b.example/k"})",
       "https://b.example/k"},
      {"http://a.example", R"({"issuer":"http://a.example","jwks_uri":"http://a.example/k"})",
       "http://a.example/k"},
      {"https://a.example", R"({"issuer":"https://a.example","jwks_uri":"http://a.example/k"})", nullptr},
      {"https://a.example", R"({"issuer":"https://b.example","jwks_uri":"https://a.example/k"})", nullptr},
      {"https://a.example", R"({"issuer":"https://a.example/","jwks_uri":"https://a.example/k"})", nullptr},
      {"https://a.example", R"({"issuer":"https://a.example","jwks_uri":"file:///etc/passwd"})", nullptr},
      {"https://a.example", R"({"issuer":"https://a.example","jwks_uri":"https://u:p@a.example/k"})",
       nullptr},
      {"https://a.example", R"({"issuer":"https://a.example","jwks_uri":7})", nullptr},
      {"https://a.example", R"({"issuer":"https://a.example"})", nullptr},
      {"https://a.example", R"({"jwks_uri":"https://a.example/k"})", nullptr},
      {"https://a.example", "<html>", nullptr},
      {"https://a.example", "[]", nullptr},
  };
  for (const Case& c : cases) {
    const Result<std::string> uri = parse_discovery(c.json, c.issuer);
    EXPECT_EQ(uri.value_or(""), c.uri == nullptr ? "" : c.uri) << c.json;
    EXPECT_EQ(uri ? "auth.discovery" : uri.error().code, "auth.discovery");
  }
}

TEST(CacheLifetime, ReadsCacheControl) {
  using std::chrono::seconds;
  const std::pair<const char*, int> cases[] = {
      {"", 7},
      {"max-age=60", 60},
      {"public, max-age=21600, must-revalidate, no-transform", 21600},
      {"Max-Age=5", 5},
      {"max-age=99999999999999", 2147483647},
      {"max-age=-1", 7},
      {"max-age=", 7},
      {"max-age=1x", 7},
      {"no-store", 0},
      {"max-age=60, No-Cache", 0},
      {",,,", 7},
  };
  for (const auto& [text, expected] : cases)
    EXPECT_EQ(cache_lifetime(text, seconds(7)), seconds(expected)) << text;
}

TEST(Origin, IsSchemeAndAuthority) {
  const std::pair<const char*, const char*> cases[] = {
      {"https://a.example/x?y", "https://a.example"},
      {"http://[::1]:80", "http://[::1]:80"},
      {"https://a.example#f", "https://a.example"},
      {"https://", ""},
      {"ftp://a.example", ""},
      {"https://u@a.example/", ""},
      {"https://a example", ""},
      {"https://a.example/|", ""},
      {"", ""},
  };
  for (const auto& [url, origin] : cases) EXPECT_EQ(origin_of(url), origin) << url;
}

}  // namespace
}  // namespace millrace::auth
