#include "identities/identities.hpp"

#include <gtest/gtest.h>

#include "crypto.hpp"
#include "identities/identity_config.hpp"
#include "identities/identity_testing.hpp"

namespace millrace::auth {
namespace {

using testing::Json;
using testing::jwks;
using testing::SigningKey;

constexpr std::int64_t kNow = 1'800'000'000;
constexpr std::int64_t kSecond = 1'000'000;
const std::string kIssuer = "https://issuer.example";

const SigningKey& rsa() {
  static const SigningKey key = SigningKey::rsa("r1");
  return key;
}
const SigningKey& p256() {
  static const SigningKey key = SigningKey::p256("e1");
  return key;
}
const SigningKey& stranger() {
  static const SigningKey key = SigningKey::rsa("r1");
  return key;
}

// Good claims with these changes; null removes a claim.
Json claims(const Json& changes = Json::object()) {
  Json all = {
      {"iss", kIssuer}, {"sub", "alice"}, {"aud", "millrace"}, {"iat", kNow - 10}, {"exp", kNow + 100}};
  all.merge_patch(changes);
  return all;
}

class TestRequest final : public PendingRequest {
 public:
  explicit TestRequest(const std::string& token) { request_.mutable_verify_token()->set_token(token); }
  const bus::v1::Request& request() const override { return request_; }
  std::int64_t deadline_us() const override { return deadline; }
  void answer(bus::v1::Reply given) override {
    EXPECT_FALSE(answered) << "answered twice";
    answered = true;
    reply = std::move(given);
  }
  void expire() override {}

  bool good() const { return answered && reply.error_code().empty() && reply.verify_token().valid(); }
  bool bad() const {
    return answered && reply.error_code().empty() && reply.has_verify_token() &&
           !reply.verify_token().valid();
  }
  bool unavailable() const { return answered && reply.error_code() == "auth.keys_unavailable"; }

  std::int64_t deadline = 1'000'000 * kSecond;
  bool answered = false;
  bus::v1::Reply reply;

 private:
  bus::v1::Request request_;
};
using TestRequestPtr = std::shared_ptr<TestRequest>;

IdentitySettings one_issuer() {
  IdentitySettings settings;
  settings.issuers.push_back({.issuer = kIssuer, .audiences = {"millrace", "other"}});
  return settings;
}

FetchedKeys keys(const std::vector<Json>& jwk, int seconds = 3600) {
  return {KeySet::parse(jwks(jwk)).value(), std::chrono::seconds(seconds)};
}

class IdentitiesTest : public ::testing::Test {
 protected:
  void use(IdentitySettings settings) {
    settings_ = std::move(settings);
    identities_ =
        std::make_unique<Identities>(settings_, [this](std::size_t issuer) { fetches_.push_back(issuer); });
  }
  void SetUp() override { use(one_issuer()); }

  Now now() const { return {.monotonic_us = monotonic_us_, .wall = WallTime::from_seconds(kNow)}; }
  void pass(std::int64_t seconds) {
    monotonic_us_ += seconds * kSecond;
    identities_->tick(now());
  }
  void arrive(const std::vector<Json>& jwk) { identities_->fetched(0, keys(jwk), now()); }
  void fail_fetch() { identities_->fetched(0, fail("http.deadline", "no answer in time"), now()); }
  TestRequestPtr ask(const std::string& token) {
    auto pending = std::make_shared<TestRequest>(token);
    taken_ = identities_->handle(pending, now());
    return pending;
  }
  // Judged while both keys are there.
  TestRequestPtr judged(const std::string& token) {
    identities_->fetched(0, keys({rsa().jwk(), p256().jwk()}), now());
    return ask(token);
  }

  IdentitySettings settings_;
  std::unique_ptr<Identities> identities_;
  std::vector<std::size_t> fetches_;
  std::int64_t monotonic_us_ = 1000 * kSecond;
  bool taken_ = false;
};

TEST_F(IdentitiesTest, NamesAnAccountByIssuerAndSubject) {
  const TestRequestPtr rs = judged(rsa().token(claims()));
  ASSERT_TRUE(rs->good());
  EXPECT_EQ(rs->reply.verify_token().subject(), "https://issuer.example|alice");
  EXPECT_EQ(rs->reply.verify_token().role(), v1::ROLE_USER);
  const TestRequestPtr es = judged(p256().token(claims({{"aud", {"x", "other"}}})));
  ASSERT_TRUE(es->good());
  EXPECT_EQ(es->reply.verify_token().subject(), "https://issuer.example|alice");
}

struct Case {
  const char* name;
  std::string token;
  bool good = false;
  bool ours = true;  // else nobody here says anything
};
std::string with_signature(const std::string& header, const Json& payload, const Bytes& signature) {
  return encode_base64url(as_bytes(header)) + "." + encode_base64url(as_bytes(payload.dump())) + "." +
         encode_base64url(signature);
}

// HS256 with what everybody can read as the secret.
std::string confused(const std::string& secret) {
  const std::string part = encode_base64url(as_bytes(std::string_view(R"({"alg":"HS256","kid":"r1"})"))) +
                           "." + encode_base64url(as_bytes(claims().dump()));
  return part + "." + encode_base64url(hmac_sha256(as_bytes(secret), as_bytes(part)));
}

std::vector<Case> cases() {
  const std::string good = rsa().token(claims());
  const auto changed = [](const Json& changes) { return rsa().token(claims(changes)); };
  const auto headed = [](const Json& header) { return rsa().token(claims(), header); };
  const std::string unsigned_part = good.substr(0, good.rfind('.') + 1);
  return {
      {"Good", good, true},
      {"WithinTheLeeway", changed({{"exp", kNow - 29}, {"nbf", kNow + 29}, {"iat", kNow + 29}}), true},
      {"ExpiryWithAFraction", changed({{"exp", kNow + 0.5}}), true},
      {"TypeInLowerCase", headed({{"typ", "jwt"}}), true},
      {"AccessToken", headed({{"typ", "at+jwt"}}), true},
      {"NoType", headed({{"typ", nullptr}}), true},
      {"NoKid", headed({{"kid", nullptr}}), true},
      {"AnyParty", changed({{"azp", "https://anything.example"}}), true},

      {"AlgNone", with_signature(R"({"alg":"none"})", claims(), {}), false, false},
      {"AlgNoneMixedCase", with_signature(R"({"alg":"nOnE","kid":"r1"})", claims(), {}), false, false},
      {"AlgNoneSigned", headed({{"alg", "none"}}), false, false},
      {"Hs256WithTheKeyAsSecret", confused(rsa().jwk().dump()), false, false},
      {"Hs256WithTheModulusAsSecret", confused(rsa().jwk()["n"]), false, false},
      {"AlgRs512", headed({{"alg", "RS512"}}), false, false},
      {"AlgPs256", headed({{"alg", "PS256"}}), false, false},
      {"AlgLowerCase", headed({{"alg", "rs256"}}), false, false},
      {"AlgMissing", headed({{"alg", nullptr}}), false, false},
      {"AlgArray", headed({{"alg", {"RS256"}}}), false, false},
      {"AlgOfTheOtherKey", p256().token(claims(), {{"alg", "RS256"}}), false, true},
      {"AlgOfTheOtherKeyByKid", p256().token(claims(), {{"kid", "r1"}}), false, true},
      {"EmptySignature", unsigned_part},
      {"Es256EmptySignature", with_signature(R"({"alg":"ES256","kid":"e1"})", claims(), {})},
      {"Es256Zero", with_signature(R"({"alg":"ES256","kid":"e1"})", claims(), Bytes(64))},
      {"AnotherKey", stranger().token(claims())},
      {"KeyInTheToken", stranger().token(claims(), {{"jwk", stranger().jwk()}}), false, false},
      {"KeyUrl", stranger().token(claims(), {{"jku", "http://127.0.0.1:1/jwks"}}), false, false},
      {"CertificateUrl", stranger().token(claims(), {{"x5u", "http://127.0.0.1:1/cert"}}), false, false},
      {"CertificateInTheToken", stranger().token(claims(), {{"x5c", {"AAAA"}}})},
      {"Critical", headed({{"crit", {"b64"}}, {"b64", false}}), false, false},
      {"KidPath", headed({{"kid", "../../dev/null"}})},
      {"KidSql", headed({{"kid", "r1' OR '1'='1"}})},
      {"KidNumber", headed({{"kid", 1}}), false, false},
      {"KidEmpty", headed({{"kid", ""}}), false, false},
      {"KidHuge", headed({{"kid", std::string(257, 'k')}}), false, false},
      {"LogoutToken", headed({{"typ", "logout+jwt"}}), false, false},
      {"TypeNumber", headed({{"typ", 1}}), false, false},

      {"Expired", changed({{"exp", kNow - 31}})},
      {"NoExpiry", changed({{"exp", nullptr}})},
      {"ExpiryHuge", changed({{"exp", 1e308}})},
      {"ExpiryNegative", changed({{"exp", -1}})},
      {"ExpiryString", changed({{"exp", "9999999999"}})},
      {"NotBeforeInTheFuture", changed({{"nbf", kNow + 31}})},
      {"IssuedInTheFuture", changed({{"iat", kNow + 31}})},
      {"LoggedInInTheFuture", changed({{"auth_time", kNow + 31}})},
      {"AnotherAudience", changed({{"aud", "somebody-else"}})},
      {"AudienceOfOthers", changed({{"aud", {"a", "b"}}})},
      {"AudienceObject", changed({{"aud", {{"millrace", true}}}})},
      {"AudienceNumber", changed({{"aud", 7}})},
      {"NoAudience", changed({{"aud", nullptr}})},
      {"AnotherIssuer", changed({{"iss", "https://evil.example"}}), false, false},
      {"IssuerWithSlash", changed({{"iss", kIssuer + "/"}}), false, false},
      {"IssuerArray", changed({{"iss", {kIssuer}}}), false, false},
      {"OurOwnIssuer", changed({{"iss", "millrace"}}), false, false},
      {"NoIssuer", changed({{"iss", nullptr}}), false, false},
      {"NoSubject", changed({{"sub", nullptr}})},
      {"EmptySubject", changed({{"sub", ""}})},
      {"SubjectNumber", changed({{"sub", 7}})},
      {"SubjectWithLineEnd", changed({{"sub", "a\nb"}})},
      {"SubjectTooLong", changed({{"sub", std::string(256, 'a')}})},
      {"TooLong", std::string(64UL * 1024, 'a'), false, false},
      {"FourParts", good + ".x", false, false},
      {"TwoParts", good.substr(0, good.rfind('.')), false, false},
  };
}
TEST_F(IdentitiesTest, JudgesTokens) {
  for (const Case& c : cases()) {
    SCOPED_TRACE(c.name);
    const TestRequestPtr pending = judged(c.token);
    EXPECT_EQ(taken_, c.ours);
    EXPECT_EQ(pending->good(), c.good);
    EXPECT_EQ(pending->bad(), c.ours && !c.good) << pending->reply.DebugString();
  }
  EXPECT_TRUE(fetches_.empty()) << "nothing in a token makes us ask anybody";
}

TEST_F(IdentitiesTest, EveryPrefixAndEveryChangedCharacterIsRefused) {
  for (const std::string& good : {p256().token(claims()), rsa().token(claims())}) {
    ASSERT_TRUE(judged(good)->good());
    for (std::size_t i = 0; i < good.size(); ++i) {
      EXPECT_FALSE(ask(good.substr(0, i))->good()) << i;
      std::string changed = good;
      changed[i] = changed[i] == 'A' ? 'B' : 'A';
      EXPECT_FALSE(ask(changed)->good()) << i;
    }
  }
}

TEST_F(IdentitiesTest, AdministratorsAreNamedOrSaySo) {
  IdentitySettings settings = one_issuer();
  settings.admin_subjects = {"https://issuer.example|root"};
  settings.admin_claim = "realm_access.roles";
  settings.admin_value = "admin";
  use(settings);
  const std::pair<Json, bool> rows[] = {
      {Json::object(), false},
      {{{"sub", "root"}}, true},
      {{{"realm_access", {{"roles", {"user", "admin"}}}}}, true},
      {{{"realm_access", {{"roles", "admin"}}}}, true},
      {{{"realm_access.roles", "admin"}}, true},
      {{{"realm_access", {{"roles", {"administrator"}}}}}, false},
      {{{"realm_access", {{"roles", true}}}}, false},
      {{{"realm_access", "admin"}}, false},
      {{{"admin", true}}, false},
  };
  for (const auto& [changes, admin] : rows) {
    const TestRequestPtr pending = judged(rsa().token(claims(changes)));
    ASSERT_TRUE(pending->good());
    EXPECT_EQ(pending->reply.verify_token().role(), admin ? v1::ROLE_ADMIN : v1::ROLE_USER) << changes;
  }
}

TEST_F(IdentitiesTest, PartiesAreLimitedWhereTheyAreNamed) {
  IdentitySettings settings = one_issuer();
  settings.issuers[0].authorized_parties = {"https://app.example"};
  use(settings);
  EXPECT_TRUE(judged(rsa().token(claims({{"azp", "https://app.example"}})))->good());
  EXPECT_TRUE(judged(rsa().token(claims()))->good());
  EXPECT_TRUE(judged(rsa().token(claims({{"azp", "https://evil.example"}})))->bad());
  EXPECT_TRUE(judged(rsa().token(claims({{"azp", 7}})))->bad());
}

TEST_F(IdentitiesTest, TheFirstTokenWaitsForTheKeys) {
  const TestRequestPtr first = ask(rsa().token(claims()));
  EXPECT_FALSE(first->answered);
  EXPECT_EQ(fetches_.size(), 1U);
  const TestRequestPtr second = ask(rsa().token(claims()));
  EXPECT_EQ(fetches_.size(), 1U) << "one fetch for all";
  arrive({rsa().jwk()});
  EXPECT_TRUE(first->good());
  EXPECT_TRUE(second->good());
}

TEST_F(IdentitiesTest, WithoutKeysNobodyCanSay) {
  const TestRequestPtr first = ask(rsa().token(claims()));
  fail_fetch();
  EXPECT_TRUE(first->unavailable()) << "not a bad token";
  EXPECT_TRUE(ask(rsa().token(claims()))->unavailable());
  EXPECT_EQ(fetches_.size(), 1U) << "the server is left alone for a second";
  EXPECT_TRUE(ask(rsa().token(claims({{"exp", 1}})))->bad()) << "what is expired is expired under any key";
}

TEST_F(IdentitiesTest, WaitersAreFewAndToldInTime) {
  std::vector<TestRequestPtr> waiting;
  for (std::size_t i = 0; i < Identities::kMaxWaiting; ++i) waiting.push_back(ask(rsa().token(claims())));
  EXPECT_TRUE(ask(rsa().token(claims()))->unavailable());
  EXPECT_FALSE(waiting[0]->answered);
  waiting[0]->deadline = monotonic_us_ + 2 * kSecond;
  pass(1);
  EXPECT_FALSE(waiting[0]->answered);
  pass(1);
  EXPECT_TRUE(waiting[0]->unavailable());
  EXPECT_FALSE(waiting[1]->answered);
}

TEST_F(IdentitiesTest, AKeyThatIsNewIsFetchedOnceInTenSeconds) {
  arrive({rsa().jwk()});
  EXPECT_TRUE(ask(p256().token(claims()))->bad()) << "the set has just come";
  pass(10);
  EXPECT_TRUE(fetches_.empty());
  const TestRequestPtr rotated = ask(p256().token(claims()));
  EXPECT_FALSE(rotated->answered);
  EXPECT_EQ(fetches_.size(), 1U);
  EXPECT_TRUE(ask(rsa().token(claims()))->good()) << "known keys don't wait";
  arrive({p256().jwk()});
  EXPECT_TRUE(rotated->good());
  EXPECT_TRUE(ask(rsa().token(claims()))->bad()) << "withdrawn";
  for (int i = 0; i < 1000; ++i) {
    EXPECT_TRUE(ask(p256().token(claims(), {{"kid", "guess-" + std::to_string(i)}}))->bad());
  }
  EXPECT_EQ(fetches_.size(), 1U);
}

TEST_F(IdentitiesTest, AServerThatIsAwayCostsNothingForADay) {
  arrive({rsa().jwk()});
  pass(3600);
  EXPECT_EQ(fetches_.size(), 1U) << "refreshed in the background";
  for (std::int64_t seconds = 3600; seconds < 24 * 3600 - 400; seconds += 300) {
    if (fetches_.size() > 0) fail_fetch();
    EXPECT_TRUE(ask(rsa().token(claims()))->good()) << seconds;
    pass(300);
  }
  EXPECT_LT(fetches_.size(), 300U);
  EXPECT_GT(fetches_.size(), 200U) << "tried again and again";
  pass(800);
  fail_fetch();
  EXPECT_TRUE(ask(rsa().token(claims()))->unavailable()) << "keys of more than a day ago";
  pass(300);
  arrive({rsa().jwk()});
  EXPECT_TRUE(ask(rsa().token(claims()))->good());
}

TEST_F(IdentitiesTest, AnUnknownKeyOfASilentServerIsNotCalledBad) {
  arrive({rsa().jwk()});
  pass(10);
  const TestRequestPtr rotated = ask(p256().token(claims()));
  fail_fetch();
  EXPECT_TRUE(rotated->unavailable());
  EXPECT_TRUE(ask(rsa().token(claims()))->good());
}

TEST_F(IdentitiesTest, AnEmptySetWithdrawsEveryKey) {
  arrive({rsa().jwk()});
  EXPECT_TRUE(ask(rsa().token(claims()))->good());
  arrive({});
  EXPECT_TRUE(ask(rsa().token(claims()))->bad());
}

TEST_F(IdentitiesTest, RefreshesWithinBounds) {
  for (const auto& [lifetime, due] : {std::pair{0, 300}, {60, 300}, {600, 600}, {2'000'000'000, 24 * 3600}}) {
    fetches_.clear();
    identities_->fetched(0, keys({rsa().jwk()}, lifetime), now());
    pass(due - 1);
    EXPECT_EQ(fetches_.size(), 0U) << lifetime;
    pass(1);
    EXPECT_EQ(fetches_.size(), 1U) << lifetime;
  }
}

TEST_F(IdentitiesTest, EqualSubjectsOfTwoIssuersAreTwoAccounts) {
  IdentitySettings settings = one_issuer();
  settings.issuers.push_back({.issuer = "https://second.example"});
  use(settings);
  identities_->fetched(1, keys({stranger().jwk()}), now());
  const TestRequestPtr first = judged(rsa().token(claims()));
  const TestRequestPtr second = ask(stranger().token(claims({{"iss", "https://second.example"}})));
  ASSERT_TRUE(first->good() && second->good());
  EXPECT_NE(first->reply.verify_token().subject(), second->reply.verify_token().subject());
  EXPECT_TRUE(ask(rsa().token(claims({{"iss", "https://second.example"}})))->bad()) << "another issuer's key";
}

TEST_F(IdentitiesTest, ClerkIsKnownByItsForm) {
  IdentitySettings settings;
  settings.issuers.push_back({.issuer = ""});
  use(settings);
  for (const char* iss : {"https://clerk.example.com", "https://big-cat-1.clerk.accounts.dev"}) {
    EXPECT_TRUE(judged(rsa().token(claims({{"iss", iss}})))->good()) << iss;
  }
  for (const char* iss :
       {"https://evil.example", "https://evil.example/.clerk.accounts.dev", "http://clerk.example.com",
        "https://clerk.a|b", "https://xclerk.example.com", "millrace"}) {
    judged(rsa().token(claims({{"iss", iss}})));
    EXPECT_FALSE(taken_) << iss;
  }
}

IdentityConfig configured(const std::map<std::string, std::string>& variables) {
  IdentityConfig config;
  ConfigTable table;
  config.add_rows(table);
  const Result<void> loaded = table.load([&](const std::string& name) -> std::optional<std::string> {
    const auto found = variables.find(name);
    return found == variables.end() ? std::nullopt : std::optional(found->second);
  });
  EXPECT_TRUE(loaded) << loaded.error().message;
  return config;
}

TEST(IdentityConfig, KnowsTheUsualServices) {
  const IdentitySettings settings =
      configured({{"FIREBASE_PROJECT_ID", "my-app"},
                  {"CLERK_SECRET_KEY", "sk_test_1"},
                  {"OIDC_ISSUERS", "https://a.example, https://b.example/realms/x"},
                  {"JWT_AUDIENCE", "millrace"},
                  {"JWT_LEEWAY_SECONDS", "5"},
                  {"ADMIN_SUBJECTS", "https://a.example|root"},
                  {"JWT_ADMIN_CLAIM", "role=admin"}})
          .settings()
          .value();
  ASSERT_EQ(settings.issuers.size(), 4U);
  EXPECT_EQ(settings.issuers[1].issuer, "https://b.example/realms/x");
  EXPECT_EQ(settings.issuers[1].jwks_url, "");
  EXPECT_EQ(settings.issuers[2].issuer, "https://securetoken.google.com/my-app");
  EXPECT_EQ(settings.issuers[2].audiences, std::vector<std::string>{"my-app"});
  EXPECT_EQ(settings.issuers[3].issuer, "");
  EXPECT_EQ(settings.issuers[3].jwks_url, "https://api.clerk.com/v1/jwks");
  EXPECT_EQ(settings.issuers[3].bearer.reveal(), "sk_test_1");
  EXPECT_EQ(settings.leeway_seconds, 5);
  EXPECT_TRUE(settings.admin_subjects.contains("https://a.example|root"));
  EXPECT_TRUE(configured({}).settings().value().issuers.empty());
  EXPECT_TRUE(configured({{"OIDC_ISSUERS", "https://a.example"}, {"JWT_AUDIENCE", "*"}})
                  .settings()
                  ->issuers[0]
                  .audiences.empty());
}

TEST(IdentityConfig, RefusesWhatCannotBeMeant) {
  const std::map<std::string, std::string> bad[] = {
      {{"OIDC_ISSUERS", "https://a.example"}},
      {{"OIDC_ISSUERS", "a.example"}, {"JWT_AUDIENCE", "x"}},
      {{"OIDC_ISSUERS", "https://a.example|b"}, {"JWT_AUDIENCE", "x"}},
      {{"OIDC_ISSUERS", "https://a.example,https://a.example"}, {"JWT_AUDIENCE", "x"}},
      {{"OIDC_ISSUERS", "https://" + std::string(250, 'a')}, {"JWT_AUDIENCE", "x"}},
      {{"JWKS_URL", "https://a.example/k"}, {"JWT_AUDIENCE", "x"}},
      {{"JWT_ISSUER", "https://a.example"}, {"JWT_AUDIENCE", "x"}},
      {{"JWKS_URL", "file:///k"}, {"JWT_ISSUER", "https://a.example"}, {"JWT_AUDIENCE", "x"}},
      {{"FIREBASE_PROJECT_ID", "a/b"}},
      {{"CLERK_SECRET_KEY", "k"}, {"CLERK_API_URL", "api.clerk.com"}},
      {{"FIREBASE_PROJECT_ID", "a"}, {"ADMIN_SUBJECTS", "root"}},
      {{"FIREBASE_PROJECT_ID", "a"}, {"ADMIN_SUBJECTS", "https://b.example|root"}},
      {{"JWT_ADMIN_CLAIM", "admin"}},
      {{"JWT_ADMIN_CLAIM", "=x"}},
  };
  for (const auto& variables : bad) {
    const Result<IdentitySettings> settings = configured(variables).settings();
    ASSERT_FALSE(settings) << variables.begin()->second;
    EXPECT_EQ(settings.error().code, "config.identities");
  }
}

}  // namespace
}  // namespace millrace::auth
