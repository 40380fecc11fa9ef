#include "rtmp/authmod.hpp"

#include <gtest/gtest.h>

namespace millrace::rtmp {
namespace {

struct AuthmodCase {
  const char* description;
  const char* app;
  const char* expected;  // null: no answer
};

// The responses were computed apart from the code, after the same description of the schemes.
TEST(Authmod, AnswersChallenges) {
  const AuthmodCase cases[] = {
      {"[ code=403 need auth; authmod=adobe ]", "live", "?authmod=adobe&user=joe"},
      {"[ code=403 need auth; authmod=llnw ]", "live", "?authmod=llnw&user=joe"},
      {"[ authmod=adobe ] : ?reason=needauth&user=joe&salt=aBc=&challenge=XyZ", "live",
       "?authmod=adobe&user=joe&challenge=01020304&response=E8K2G6+noyJ5j6t6vDMHuA=="},
      {"[ authmod=adobe ] : ?reason=needauth&user=joe&salt=aBc=&challenge=XyZ&opaque=OPQ", "live",
       "?authmod=adobe&user=joe&challenge=01020304&response=5jvSJyTtCSr2zhr2pHIb/A==&opaque=OPQ"},
      {"[ authmod=llnw ] : ?reason=needauth&user=joe&nonce=nn", "live",
       "?authmod=llnw&user=joe&nonce=nn&cnonce=01020304&nc=00000001&response="
       "254c1f32dc3b494e189d9e86d525ab48"},
      {"[ authmod=llnw ] : ?reason=needauth&user=joe&nonce=nn", "live/inst",
       "?authmod=llnw&user=joe&nonce=nn&cnonce=01020304&nc=00000001&response="
       "da3219aabd34376f098374fb008556ee"},
      {"[ authmod=adobe ] : ?reason=authfailed&opaque=x", "live", nullptr},
      {"[ authmod=adobe ] : ?reason=nosuchuser", "live", nullptr},
      {"[ authmod=kerberos ] : ?reason=needauth", "live", nullptr},
      {"?reason=needauth&salt=a&challenge=b", "live", nullptr},
      {"Connection failed.", "live", nullptr},
      {"", "live", nullptr},
  };
  for (const AuthmodCase& each : cases) {
    SCOPED_TRACE(each.description);
    const auto answer = answer_challenge(each.description, {"joe", "secret", each.app, "01020304"});
    EXPECT_EQ(answer.value_or("none"), each.expected != nullptr ? each.expected : "none");
  }
}

TEST(Authmod, SaysNothingWithoutAUser) {
  EXPECT_FALSE(answer_challenge("[ code=403 need auth; authmod=adobe ]", {"", "", "live", "01020304"}));
}

TEST(Authmod, SurvivesEveryTruncation) {
  const std::string whole =
      "[ authmod=adobe ] : ?reason=needauth&user=joe&salt=aBc=&challenge=XyZ&opaque=OPQ";
  for (std::size_t size = 0; size <= whole.size(); ++size) {
    (void)answer_challenge(std::string_view(whole).substr(0, size), {"joe", "secret", "live", "01020304"});
  }
}

}  // namespace
}  // namespace millrace::rtmp
