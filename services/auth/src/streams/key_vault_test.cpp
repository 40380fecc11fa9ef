#include "streams/key_vault.hpp"

#include <gtest/gtest.h>

#include <regex>
#include <set>

namespace millrace::auth {
namespace {

const Secret kServerSecret("0123456789abcdef0123456789abcdef");

KeyVault vault() {
  return KeyVault::create(kServerSecret).value();
}

TEST(Crypto, HkdfMatchesItsDefinition) {
  // RFC 5869 appendix A.3 (zero-length salt and info), first 32 octets of OKM.
  const Bytes secret(22, 0x0b);
  EXPECT_EQ(hex(hkdf_sha256(secret, "")), "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d");
}

TEST(Crypto, HmacMatchesRfc4231) {
  // Test case 2.
  EXPECT_EQ(hex(hmac_sha256(as_bytes("Jefe"), as_bytes("what do ya want for nothing?"))),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
}

TEST(Crypto, SealedBytesOpenUnchangedOnly) {
  const Key256 key = hkdf_sha256(as_bytes("secret"), "test");
  const Bytes sealed = seal_aes256_gcm(key, as_bytes("plain"), as_bytes("for a"));
  EXPECT_EQ(as_text(open_aes256_gcm(key, sealed, as_bytes("for a")).value()), "plain");
  EXPECT_FALSE(open_aes256_gcm(key, sealed, as_bytes("for b")));
  for (std::size_t i = 0; i < sealed.size(); ++i) {
    Bytes changed = sealed;
    changed[i] ^= 1;
    EXPECT_FALSE(open_aes256_gcm(key, changed, as_bytes("for a"))) << i;
    EXPECT_FALSE(open_aes256_gcm(key, ByteView(sealed).first(i), as_bytes("for a"))) << i;
  }
}

TEST(KeyVault, MakesKeysAndIdsOfTheirForms) {
  std::set<std::string> seen;
  for (int i = 0; i < 200; ++i) {
    EXPECT_TRUE(std::regex_match(KeyVault::new_key().reveal(), std::regex("sk_[0-9a-f]{32}")));
    EXPECT_TRUE(std::regex_match(KeyVault::new_stream_id(), std::regex("[a-z0-9]{12}")));
    seen.insert(KeyVault::new_key().reveal());
    seen.insert(KeyVault::new_stream_id());
  }
  EXPECT_EQ(seen.size(), 400U);
}

TEST(KeyVault, FindsAKeyByTheSameTextUnderTheSameSecretOnly) {
  const KeyVault other = KeyVault::create(Secret("another secret of thirty-two bytes")).value();
  EXPECT_EQ(vault().lookup("sk_a"), vault().lookup("sk_a"));
  EXPECT_NE(vault().lookup("sk_a"), vault().lookup("sk_b"));
  EXPECT_NE(vault().lookup("sk_a"), other.lookup("sk_a"));
  EXPECT_EQ(vault().lookup("").size(), vault().lookup(std::string(100000, 'x')).size());
  EXPECT_NE(vault().verifier(), other.verifier());
}

TEST(KeyVault, ShowsAKeyForItsOwnStreamUnderItsOwnSecretOnly) {
  const KeyVault other = KeyVault::create(Secret("another secret of thirty-two bytes")).value();
  const Secret key = KeyVault::new_key();
  const std::string sealed = vault().seal(key, "stream");
  EXPECT_EQ(vault().open(sealed, "stream").value().reveal(), key.reveal());
  EXPECT_NE(vault().seal(key, "stream"), sealed) << "a nonce of its own each time";
  EXPECT_EQ(vault().open(sealed, "other").error().code, "auth.unsealable");
  EXPECT_EQ(other.open(sealed, "stream").error().code, "auth.unsealable");
  EXPECT_EQ(vault().open(sealed.substr(1), "stream").error().code, "auth.unsealable");
  EXPECT_EQ(vault().open("not hexadecimal!", "stream").error().code, "auth.unsealable");
}

TEST(KeyVault, RefusesAShortServerSecret) {
  const auto refused = KeyVault::create(Secret("short"));
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message.find("MILLRACE_SECRET"), std::string::npos);
  EXPECT_EQ(refused.error().message.find("short"), std::string::npos);
}

}  // namespace
}  // namespace millrace::auth
