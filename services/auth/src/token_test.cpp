#include "token.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/base64url.hpp"
#include "identities/jose.hpp"

namespace millrace::auth {
namespace {

using Json = nlohmann::json;

constexpr std::int64_t kNow = 1'800'000'000;

WallTime at(std::int64_t seconds) {
  return WallTime::from_seconds(seconds);
}
const std::string kSecret = "a token secret of thirty-two chars";

TokenVerifier verifier() {
  return TokenVerifier::create(Secret(kSecret)).value();
}

std::string encode(const std::string& text) {
  return encode_base64url(as_bytes(text));
}

std::string sign(const std::string& header, const std::string& claims, const std::string& secret = kSecret) {
  const std::string part = encode(header) + "." + encode(claims);
  return part + "." + encode_base64url(hmac_sha256(as_bytes(secret), as_bytes(part)));
}

const std::string kHeader = R"({"alg":"HS256","typ":"JWT"})";

// Good claims with these changes; null removes a claim.
std::string claims(const Json& changes = Json::object()) {
  Json all = {{"sub", "alice"}, {"iss", "millrace"}, {"iat", kNow - 10}, {"exp", kNow + 100}};
  all.merge_patch(changes);
  return all.dump();
}

TEST(Token, AnIssuedOneIsValidForAnHourOrAsLongAsItIsSaid) {
  const WallTime now = at(kNow) + 7;
  const Secret token = verifier().issue("alice", now).value();
  const Result<TokenClaims> good = verifier().verify(token.reveal(), at(kNow));
  ASSERT_TRUE(good) << good.error().message;
  EXPECT_EQ(good->subject, "alice");
  EXPECT_EQ(good->issued, now) << "exact, for what takes it back in the same second";
  EXPECT_FALSE(good->admin);
  EXPECT_TRUE(verifier().verify(token.reveal(), at(kNow + 3600)));
  EXPECT_FALSE(verifier().verify(token.reveal(), at(kNow + 3600 + kTokenLeewaySeconds)));
  const Secret year = verifier().issue("alice", now, kMaxTokenLifeSeconds).value();
  EXPECT_TRUE(verifier().verify(year.reveal(), at(kNow + kMaxTokenLifeSeconds)));
  for (const std::int64_t life :
       {std::int64_t{-1}, std::int64_t{0}, std::int64_t{59}, kMaxTokenLifeSeconds + 1})
    EXPECT_EQ(verifier().issue("alice", now, life).error().code, "auth.token_life") << life;
}

TEST(Token, MatchesTheExampleOfRfc7515) {
  // Appendix A.1: the signature is good (the claims are another issuer's).
  const std::optional<Bytes> key = decode_base64url(
      "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow");
  const TokenVerifier example = TokenVerifier::create(Secret(std::string(as_text(*key)))).value();
  const Result<TokenClaims> other = example.verify(
      "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9."
      "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFt"
      "cGxlLmNvbS9pc19yb290Ijp0cnVlfQ.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",
      at(1'300'819'000));
  ASSERT_FALSE(other);
  EXPECT_EQ(other.error().message, "another issuer");
}

struct Case {
  const char* name;
  std::string token;
  bool valid = false;
};

class TokenCases : public testing::TestWithParam<Case> {};

TEST_P(TokenCases, AreDecidedWithoutQuotingTheToken) {
  const Result<TokenClaims> result = verifier().verify(GetParam().token, at(kNow));
  EXPECT_EQ(result.has_value(), GetParam().valid) << (result ? "accepted" : result.error().message);
  if (!result) {
    EXPECT_EQ(result.error().code, "auth.token");
    EXPECT_LT(result.error().message.size(), 40U);
  }
}

std::vector<Case> cases() {
  const std::string good = sign(kHeader, claims());
  const std::string payload = "." + encode(claims()) + ".";
  return {
      {"Good", good, true},
      {"WithinTheLeeway", sign(kHeader, claims({{"exp", kNow - 29}, {"nbf", kNow + 29}})), true},
      {"ExpiryWithAFraction", sign(kHeader, claims({{"exp", kNow + 0.5}})), true},
      {"Admin", sign(kHeader, claims({{"admin", true}})), true},
      {"Empty", ""},
      {"NoDots", "abc"},
      {"OneDot", "a.b"},
      {"OnlyDots", ".."},
      {"FourParts", good + ".x"},
      {"EmptySignature", good.substr(0, good.rfind('.') + 1)},
      {"Padding", good + "="},
      {"Space", good + " "},
      {"OtherSecret", sign(kHeader, claims(), "another secret of thirty-two bytes")},
      {"AlgNoneUnsigned", encode(R"({"alg":"none"})") + payload},
      {"AlgNoneSigned", sign(R"({"alg":"none"})", claims())},
      {"AlgNoneMixedCase", sign(R"({"alg":"nOnE"})", claims())},
      {"AlgHs384", sign(R"({"alg":"HS384"})", claims())},
      {"AlgRs256", sign(R"({"alg":"RS256"})", claims())},
      {"AlgLowerCase", sign(R"({"alg":"hs256"})", claims())},
      {"AlgMissing", sign("{}", claims())},
      {"AlgNumber", sign(R"({"alg":256})", claims())},
      {"CriticalExtension", sign(R"({"alg":"HS256","crit":["x"]})", claims())},
      {"HeaderNotAnObject", sign("[]", claims())},
      {"HeaderNotJson", sign("{", claims())},
      {"ClaimsNotAnObject", sign(kHeader, "\"alice\"")},
      {"ClaimsDeeplyNested", sign(kHeader, std::string(3000, '['))},
      {"WrongIssuer", sign(kHeader, claims({{"iss", "other"}}))},
      {"NoIssuer", sign(kHeader, claims({{"iss", nullptr}}))},
      {"IssuerArray", sign(kHeader, claims({{"iss", {"millrace"}}}))},
      {"Expired", sign(kHeader, claims({{"exp", kNow - 31}}))},
      {"NoExpiry", sign(kHeader, claims({{"exp", nullptr}}))},
      {"ExpiryHuge", sign(kHeader, claims({{"exp", 1e308}}))},
      {"ExpiryNegative", sign(kHeader, claims({{"exp", -1}}))},
      {"ExpiryString", sign(kHeader, claims({{"exp", "9999999999"}}))},
      {"NotBeforeInTheFuture", sign(kHeader, claims({{"nbf", kNow + 31}}))},
      {"NotBeforeString", sign(kHeader, claims({{"nbf", "1"}}))},
      {"OfAnAccountForEver",
       sign(kHeader, claims({{"sub", "acct_0123456789abcdef01234567"}, {"exp", 10'000'000'000'000}}))},
      {"IssuedInTheFuture", sign(kHeader, claims({{"iat", kNow + 31}}))},
      {"NoSubject", sign(kHeader, claims({{"sub", nullptr}}))},
      {"EmptySubject", sign(kHeader, claims({{"sub", ""}}))},
      {"SubjectNumber", sign(kHeader, claims({{"sub", 7}}))},
      {"SubjectWithLineEnd", sign(kHeader, claims({{"sub", "a\nb"}}))},
      {"SubjectTooLong", sign(kHeader, claims({{"sub", std::string(513, 'a')}}))},
      {"TooLong", std::string(64 * 1024, 'a')},
      {"TooLongButSigned", sign(kHeader, claims({{"x", std::string(8192, 'a')}}))},
  };
}

INSTANTIATE_TEST_SUITE_P(Table, TokenCases, testing::ValuesIn(cases()),
                         [](const auto& row) { return std::string(row.param.name); });

TEST(Token, EveryPrefixAndEveryChangedCharacterIsRefused) {
  const std::string good = sign(kHeader, claims());
  for (std::size_t i = 0; i < good.size(); ++i) {
    EXPECT_FALSE(verifier().verify(good.substr(0, i), at(kNow))) << i;
    std::string changed = good;
    changed[i] = changed[i] == 'A' ? 'B' : 'A';
    EXPECT_FALSE(verifier().verify(changed, at(kNow))) << i;
  }
}

TEST(Token, AdminMustBeTheWordTrue) {
  EXPECT_TRUE(verifier().verify(sign(kHeader, claims({{"admin", true}})), at(kNow))->admin);
  EXPECT_FALSE(verifier().verify(sign(kHeader, claims({{"admin", "true"}})), at(kNow))->admin);
  EXPECT_FALSE(verifier().verify(sign(kHeader, claims({{"admin", 1}})), at(kNow))->admin);
}

TEST(Token, AnImpossibleSubjectIsNotIssued) {
  for (const std::string& subject :
       {std::string(), std::string(513, 'a'), std::string("a\tb"), std::string("a\xff")}) {
    EXPECT_EQ(verifier().issue(subject, at(kNow)).error().code, "auth.subject");
  }
}

TEST(Token, AShortSecretIsRefused) {
  EXPECT_EQ(TokenVerifier::create(Secret("short")).error().code, "auth.weak_secret");
}

TEST(Base64Url, MatchesRfc4648AndRefusesEverythingElse) {
  const std::vector<std::pair<std::string, std::string>> table = {
      {"", ""}, {"f", "Zg"}, {"fo", "Zm8"}, {"foo", "Zm9v"}, {"foob", "Zm9vYg"}, {"\xff\xfe\xfd", "__79"}};
  for (const auto& [plain, text] : table) {
    EXPECT_EQ(encode(plain), text);
    EXPECT_EQ(as_text(decode_base64url(text).value()), plain);
  }
  for (const char* bad : {"Z", "Zh", "Zm9", "Zg==", "Zm+v", "Zm/v", "Zm9vY", " Zg", "Zm8\n"}) {
    EXPECT_FALSE(decode_base64url(bad)) << bad;
  }
}

}  // namespace
}  // namespace millrace::auth
