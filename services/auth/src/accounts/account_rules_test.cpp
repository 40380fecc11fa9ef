#include "accounts/account_rules.hpp"

#include <gtest/gtest.h>

#include "accounts/account_attempts.hpp"
#include "accounts/account_mails.hpp"
#include "accounts/password_hasher.hpp"
#include "streams/access_view.hpp"
#include "token.hpp"

namespace millrace::auth {
namespace {

constexpr WallTime kNow = WallTime::from_seconds(1'800'000'000);
constexpr std::int64_t kSecond = 1'000'000;

std::string times(std::string_view text, int count) {
  std::string out;
  for (int i = 0; i < count; ++i) out += text;
  return out;
}

TEST(AccountRules, KnowWhatEachFieldMayBe) {
  struct Case {
    const char* what;
    std::optional<std::string> (*rule)(std::string_view);
    std::string text;
    bool good;
  };
  const std::string png = "data:image/png;base64,";
  const Case cases[] = {
      {"email", fault_of_email, "a@example.com", true},
      {"email", fault_of_email, "a@example.com\n", false},
      {"email", fault_of_email, std::string(243, 'a') + "@example.com", false},
      {"password", fault_of_password, "1234567", false},
      {"password", fault_of_password, "12345678", true},
      {"password", fault_of_password, times("ä", 8), true},
      {"password", fault_of_password, times("ä", 7), false},
      {"password", fault_of_password, times("x", 128), true},
      {"password", fault_of_password, times("x", 129), false},
      {"password", fault_of_password, times("😀", 128), true},
      {"password", fault_of_password, times("😀", 129), false},
      {"password", fault_of_password, "1234567\xFF", false},
      {"password", fault_of_password, "12345678\xC0\x80", false},
      {"name", fault_of_name, "DJ Ötzi", true},
      {"name", fault_of_name, "", false},
      {"name", fault_of_name, " a", false},
      {"name", fault_of_name, "a ", false},
      {"name", fault_of_name, "a\tb", false},
      {"name", fault_of_name, std::string("a\0b", 3), false},
      {"name", fault_of_name, times("ä", 64), true},
      {"name", fault_of_name, times("ä", 65), false},
      {"timezone", fault_of_timezone, "UTC", true},
      {"timezone", fault_of_timezone, "Europe/Berlin", true},
      {"timezone", fault_of_timezone, "America/Argentina/Buenos_Aires", true},
      {"timezone", fault_of_timezone, "", false},
      {"timezone", fault_of_timezone, "../../etc/passwd", false},
      {"timezone", fault_of_timezone, "Europe//Berlin", false},
      {"timezone", fault_of_timezone, "/etc/passwd", false},
      {"timezone", fault_of_timezone, "Europe/", false},
      {"timezone", fault_of_timezone, "Europe/Berlin\n", false},
      {"picture", fault_of_picture, png + "AAAA", true},
      {"picture", fault_of_picture, png + "AA==", true},
      {"picture", fault_of_picture, png + "AAA", false},
      {"picture", fault_of_picture, png + "A===", false},
      {"picture", fault_of_picture, png + "AA<>", false},
      {"picture", fault_of_picture, png, false},
      {"picture", fault_of_picture, "data:image/svg+xml;base64,AAAA", false},
      {"picture", fault_of_picture, "https://example.com/a.png", false},
      {"picture", fault_of_picture, png + times("AAAA", 12 * 1024), false},
  };
  for (const Case& c : cases) EXPECT_EQ(!c.rule(c.text), c.good) << c.what << " " << c.text.substr(0, 80);
}

TEST(AccountRules, IdsAreTheirsAlone) {
  const std::string id = new_account_id();
  EXPECT_EQ(id.size(), 29U);
  EXPECT_TRUE(is_account_subject(id));
  EXPECT_NE(id, new_account_id());
  EXPECT_FALSE(is_account_subject("alice"));
  const TokenVerifier tokens = TokenVerifier::create(Secret(std::string(32, 's'))).value();
  EXPECT_FALSE(tokens.issue(id, kNow)) << "it would outlive what revokes it";
  const Result<TokenClaims> claims =
      tokens.verify(tokens.issue_access(id, kNow + 5, 60).reveal(), kNow + 10 * kSecond);
  ASSERT_TRUE(claims);
  EXPECT_EQ(claims->subject, id);
  EXPECT_EQ(claims->issued, kNow + 5);
  EXPECT_FALSE(tokens.verify(tokens.issue_access(id, kNow, 60).reveal(), kNow + 91 * kSecond));
  EXPECT_FALSE(tokens.verify(tokens.issue_access(id, kNow, 90'000).reveal(), kNow + 10 * kSecond))
      << "lives too long";
}

TEST(PasswordHasher, TellsPasswordsApartAndKnowsOldHashes) {
  const PasswordHasher hasher = PasswordHasher::create({.operations = 1, .memory_bytes = 65'536}).value();
  const std::string hash = hasher.hash(Secret("correct horse")).value();
  EXPECT_TRUE(hash.starts_with("$argon2id$")) << hash;
  EXPECT_LE(hash.size(), 128U);
  EXPECT_NE(hash, hasher.hash(Secret("correct horse")).value()) << "a salt each";
  EXPECT_TRUE(hasher.matches(hash, Secret("correct horse")));
  EXPECT_FALSE(hasher.matches(hash, Secret("correct horsf")));
  EXPECT_FALSE(hasher.matches(hash, Secret("")));
  EXPECT_FALSE(hasher.matches("", Secret("")));
  EXPECT_FALSE(hasher.matches("no hash", Secret("no hash")));
  EXPECT_FALSE(hasher.is_outdated(hash));
  const PasswordHasher dearer = PasswordHasher::create({.operations = 2, .memory_bytes = 65'536}).value();
  EXPECT_TRUE(dearer.is_outdated(hash));
  EXPECT_TRUE(dearer.matches(hash, Secret("correct horse"))) << "until it is hashed again";
}

TEST(AccessView, RefusesTokensOfBeforeAndKnowsAdministrators) {
  using enum AccessView::Standing;
  AccessView view;
  EXPECT_EQ(view.standing("acct_a", WallTime::from_us(100)), kUnknown) << "before it is loaded";
  view.load({"acct_a"}, {{"acct_b", WallTime::from_us(100)}});
  EXPECT_EQ(view.standing("acct_a", WallTime::from_us(100)), kAdmin);
  EXPECT_EQ(view.standing("acct_b", WallTime::from_us(100)), kRefused);
  EXPECT_EQ(view.standing("acct_b", WallTime::from_us(101)), kGood);
  view.set_admin("acct_a", false);
  EXPECT_EQ(view.standing("acct_a", WallTime::from_us(100)), kGood);
  view.revoke({"acct_a", WallTime::from_us(500)});
  view.revoke({"acct_a", WallTime::from_us(400)});
  EXPECT_EQ(view.standing("acct_a", WallTime::from_us(450)), kRefused) << "a later one counts";
}

TEST(AccessView, ForgetsWhatHasExpiredAndIsSafeWhenItIsFull) {
  using enum AccessView::Standing;
  AccessView view(2);
  view.load({}, {});
  const WallTime start = WallTime::from_seconds(1'000'000);
  view.revoke({"acct_a", start});
  view.revoke({"acct_b", start + 1 + AccessView::kMemoryUs});
  EXPECT_EQ(view.standing("acct_a", start), kGood) << "no such token is left, so that nobody needs to know";
  view.revoke({"acct_c", start + 2 + AccessView::kMemoryUs});
  view.revoke({"acct_d", start + 3 + AccessView::kMemoryUs});
  EXPECT_EQ(view.standing("acct_b", start + 1 + AccessView::kMemoryUs), kRefused) << "forgotten, yet refused";
  EXPECT_EQ(view.standing("acct_x", start + AccessView::kMemoryUs), kRefused) << "with everybody's of then";
  EXPECT_EQ(view.standing("acct_x", start + 2 + AccessView::kMemoryUs), kGood);
  EXPECT_EQ(view.standing("acct_d", start + 3 + AccessView::kMemoryUs), kRefused);
}

TEST(AccessView, NeverForgetsWhomTheOperatorTookTokensFrom) {
  using enum AccessView::Standing;
  AccessView view(2);
  view.load({}, {{"owner", WallTime::from_us(1'000)}});
  EXPECT_EQ(view.standing("other", WallTime()), kGood) << "a token that says no time";
  const WallTime year = WallTime::from_seconds(365LL * 24 * 3600);
  view.revoke({"acct_a", year});
  view.revoke({"acct_b", year + 1});
  view.revoke({"acct_c", year + 2});
  EXPECT_EQ(view.standing("owner", WallTime::from_us(1'000)), kRefused) << "whatever happens to accounts";
  EXPECT_EQ(view.standing("owner", WallTime::from_us(1'001)), kGood);
  EXPECT_EQ(view.standing("other", WallTime::from_us(1'000)), kGood);
  view.revoke({"owner", WallTime::from_us(2'000)});
  view.revoke({"owner", WallTime::from_us(3'000)});
  EXPECT_EQ(view.standing("other", WallTime::from_us(1'000)), kGood)
      << "one subject again and again takes nobody's place";
  view.revoke({"x", year});
  view.revoke({"y", year + 1});
  EXPECT_EQ(view.standing("owner", WallTime::from_us(3'000)), kRefused);
  EXPECT_EQ(view.standing("other", WallTime::from_us(3'000)), kRefused) << "full: with everybody's of then";
  EXPECT_EQ(view.standing("other", WallTime::from_us(3'001)), kGood);
}

TEST(AccessView, LoadsTheSameAgainWithoutCountingItTwice) {
  using enum AccessView::Standing;
  AccessView view(3);
  const std::vector<Revocation> stored = {{"owner", WallTime::from_us(1'000)},
                                          {"x", WallTime::from_us(2'000)}};
  for (int i = 0; i < 4; ++i) view.load({}, stored);
  EXPECT_EQ(view.standing("other", WallTime::from_us(1'000)), kGood);
  EXPECT_EQ(view.standing("owner", WallTime::from_us(1'000)), kRefused);
  EXPECT_EQ(view.standing("x", WallTime::from_us(2'001)), kGood);
}

TEST(AccountAttempts, AnAddressThatGuessesWaits) {
  AccountAttempts attempts;
  for (int i = 0; i < 6; ++i) EXPECT_EQ(attempts.login("a@b", "192.0.2.1", 0), 0U) << i;
  EXPECT_EQ(attempts.login("a@b", "192.0.2.1", 0), 30U);
  EXPECT_EQ(attempts.login("a@b", "192.0.2.1", 31 * kSecond), 0U);
  EXPECT_EQ(attempts.login("a@b", "192.0.2.2", 0), 0U) << "the owner, from elsewhere, does not wait";
  for (int i = 0; i < 13; ++i) attempts.login("c" + std::to_string(i), "192.0.2.1", 31 * kSecond);
  for (int i = 0; i < 20; ++i) attempts.login("d" + std::to_string(i), "192.0.2.1", 31 * kSecond);
  EXPECT_GT(attempts.login("e", "192.0.2.1", 31 * kSecond), 0U) << "nor may it try many accounts";
}

TEST(AccountAttempts, WhoLoggedInBeforeIsNotLockedOutByManyAddresses) {
  AccountAttempts attempts;
  EXPECT_EQ(attempts.login("a@b", "192.0.2.1", 0), 0U);
  attempts.logged_in("a@b", "192.0.2.1", 0);
  for (int i = 0; i < 300; ++i) attempts.login("a@b", "10.0." + std::to_string(i) + ".1", 0);
  EXPECT_GT(attempts.login("a@b", "198.51.100.1", 0), 0U) << "a new address waits";
  EXPECT_LE(attempts.login("a@b", "198.51.100.1", 0), 2U) << "but seconds only";
  EXPECT_EQ(attempts.login("a@b", "192.0.2.1", 0), 0U);
}

TEST(AccountAttempts, WhatWasRightCostsNothing) {
  AccountAttempts attempts;
  for (int i = 0; i < 1000; ++i) {
    ASSERT_EQ(attempts.login("a@b", "192.0.2.1", 0), 0U) << i;
    attempts.logged_in("a@b", "192.0.2.1", 0);
  }
  for (int i = 0; i < 6; ++i) EXPECT_EQ(attempts.own_password("x", 0), 0U);
  EXPECT_GT(attempts.own_password("x", 0), 0U);
  attempts.own_password_right("x", 0);
  EXPECT_EQ(attempts.own_password("x", 0), 0U);
}

TEST(AccountAttempts, SignUpsRecoveriesAndMailsAreCounted) {
  AccountAttempts attempts;
  for (int i = 0; i < 10; ++i) EXPECT_EQ(attempts.sign_up("192.0.2.1", 0), 0U);
  EXPECT_EQ(attempts.sign_up("192.0.2.1", 0), 60U);
  for (int i = 0; i < 10; ++i) EXPECT_EQ(attempts.recovery("192.0.2.1", 0), 0U);
  EXPECT_EQ(attempts.recovery("192.0.2.1", 0), 30U);
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(attempts.mail("acct_a", 0));
  EXPECT_FALSE(attempts.mail("acct_a", 0));
  EXPECT_TRUE(attempts.mail("acct_a", 601 * kSecond));
}

TEST(AccountMails, HoldTheLinkAndNothingThatSomebodyElseChose) {
  const mail::Message mail = recovery_mail("a@example.com", "stage.example.org", "tok-en_1");
  EXPECT_NE(mail.text.find("\n    https://stage.example.org/reset-password?token=tok-en_1\n"),
            std::string::npos);
  EXPECT_TRUE(mail::format(mail, {.from = "stage@example.org", .wall = {}, .unique = "1"}));
  EXPECT_EQ(welcome_mail("a@example.com", "").text.find("http"), std::string::npos);
}

}  // namespace
}  // namespace millrace::auth
