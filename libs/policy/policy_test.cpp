#include "policy/policy.hpp"

#include <gtest/gtest.h>

#include <set>

#include "policy/testing.hpp"

namespace millrace::policy {
namespace {

using enum Operation;
using enum Role;
using enum Verdict;

TEST(Policy, EachRoleMayWhatTheOnesBeforeItMay) {
  for (const Rule& rule : rules()) {
    for (const Role role : {kAnyone, kViewer, kUser, kAdmin}) {
      EXPECT_EQ(judge({role, "a"}, rule.operation) == kAllowed, role >= rule.least) << rule.name;
    }
  }
}

TEST(Policy, OpensNothingThatWasNotMeantToBe) {
  for (const Rule& rule : rules()) {
    testing::expect_verdicts("judge", rule.operation, [&](Role role) {
      return judge({role, "alice"}, rule.operation);
    });
  }
}

TEST(Policy, NamesAreUnique) {
  std::set<std::string_view> names;
  for (const Rule& rule : rules()) EXPECT_TRUE(names.insert(rule.name).second) << rule.name;
}

TEST(Policy, TellsWhoHasNoTokenFromWhoMayNot) {
  struct Case {
    Role role;
    Operation operation;
    Verdict verdict;
  };
  const Case cases[] = {
      {kAnyone, kReadStatus, kAllowed},     {kAnyone, kChangeStream, kUnauthenticated},
      {kViewer, kChangeStream, kForbidden}, {kViewer, kListAccounts, kForbidden},
      {kUser, kListAccounts, kForbidden},   {kUser, kBanStream, kForbidden},
      {kAdmin, kBanStream, kAllowed},       {kAnyone, kListAccounts, kUnauthenticated},
  };
  for (const Case& c : cases)
    EXPECT_EQ(judge({c.role, "a"}, c.operation), c.verdict) << rule(c.operation).name;
}

TEST(Policy, OthersStreamsAreForAdministrators) {
  EXPECT_EQ(judge({kUser, "alice"}, kChangeStream, "alice"), kAllowed);
  EXPECT_EQ(judge({kUser, "alice"}, kChangeStream, "bob"), kForbidden);
  EXPECT_EQ(judge({kUser, ""}, kChangeStream, ""), kForbidden);
  EXPECT_EQ(judge({kAdmin, "root"}, kChangeStream, "bob"), kAllowed);
  EXPECT_EQ(judge({kAnyone, ""}, kChangeStream, ""), kUnauthenticated);
}

}  // namespace
}  // namespace millrace::policy
