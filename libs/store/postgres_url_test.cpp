#include "store/postgres_url.hpp"

#include <gtest/gtest.h>

#include "store/postgres_error.hpp"

namespace millrace::store {
namespace {

using std::chrono::milliseconds;

struct GoodUrl {
  const char* url;
  const char* name;
  const char* uri;  // up to our own parameters
};

class GoodPostgresUrl : public testing::TestWithParam<GoodUrl> {};

TEST_P(GoodPostgresUrl, IsTakenApartAndEscapedAnew) {
  const Result<PostgresTarget> target = parse_postgres_url(GetParam().url, milliseconds(2000));
  ASSERT_TRUE(target) << target.error().message;
  EXPECT_EQ(target->name, std::string("PostgreSQL at ") + GetParam().name);
  EXPECT_EQ(target->uri.reveal().find(GetParam().uri), 0U) << target->uri.reveal();
  EXPECT_NE(target->uri.reveal().find("connect_timeout="), std::string::npos);
  EXPECT_NE(target->uri.reveal().find("&tcp_user_timeout=2000"), std::string::npos);
  // SOCI takes connect strings apart at spaces.
  EXPECT_EQ(target->uri.reveal().find(' '), std::string::npos);
}

INSTANTIATE_TEST_SUITE_P(
    Table, GoodPostgresUrl,
    testing::Values(GoodUrl{"postgresql://u:p@h:5432/d?sslmode=require", "h:5432/d",
                            "postgresql://u:p@h:5432/d?sslmode=require&"},
                    GoodUrl{"postgres://u@h/d", "h/d", "postgresql://u@h/d?application_name=millrace&"},
                    GoodUrl{"postgresql://h", "h/", "postgresql://h/?"},
                    GoodUrl{"postgresql://u:p%40%2f%3a%20%27@h/d%20e", "h/d e",
                            "postgresql://u:p%40%2F%3A%20%27@h/d%20e?"},
                    GoodUrl{"postgresql://u:p:q@r@h/d", "h/d", "postgresql://u:p%3Aq%40r@h/d?"},
                    GoodUrl{"postgresql://u:p@[::1]:5433/d", "[::1]:5433/d",
                            "postgresql://u:p@[::1]:5433/d?"},
                    GoodUrl{"postgresql://u@a:1,b:2/d?target_session_attrs=read-write", "a:1,b:2/d",
                            "postgresql://u@a:1,b:2/d?target_session_attrs=read-write&"},
                    GoodUrl{"postgresql:///d?host=/run/postgresql", "/run/postgresql/d",
                            "postgresql:///d?host=%2Frun%2Fpostgresql&"},
                    GoodUrl{"postgresql://h/d?application_name=mine", "h/d",
                            "postgresql://h/d?application_name=mine&connect_"}));

class BadPostgresUrl : public testing::TestWithParam<const char*> {};

TEST_P(BadPostgresUrl, IsRefusedWithoutAPieceOfItsPassword) {
  const Result<PostgresTarget> target = parse_postgres_url(GetParam(), milliseconds(2000));
  ASSERT_FALSE(target) << target->uri.reveal();
  EXPECT_EQ(target.error().code, "store.unsupported");
  EXPECT_NE(target.error().message.find("DATABASE_URL"), std::string::npos);
  EXPECT_EQ(target.error().message.find("geheim"), std::string::npos) << target.error().message;
}

INSTANTIATE_TEST_SUITE_P(Table, BadPostgresUrl,
                         testing::Values("mysql://u:geheim@h/d", "postgresql://u:geheim/x@h/d",
                                         "postgresql://u:geheim?x@h/d", "postgresql://u:geheim#@h:x/d",
                                         "postgresql://u:ge%heim@h/d", "postgresql://u:geheim%0@h/d",
                                         "postgresql://u:geheim%00@h/d", "postgresql://u@h:0/d",
                                         "postgresql://u@h:65536/d", "postgresql://u@h/d?password=geheim",
                                         "postgresql://u@h/d?geheim",
                                         "postgresql://u@h/d?options=-c%20geheim",
                                         "postgresql://u@h/d?port=geheim", "postgresql://u@h h/d"));

TEST(PostgresUrl, OfAnyLengthIsTakenOrRefused) {
  const std::string url =
      "postgresql://user:pass%40word@host:5432/database?sslmode=require&application_name=a%20b";
  for (std::size_t length = 0; length <= url.size(); ++length) {
    (void)parse_postgres_url(url.substr(0, length), milliseconds(1));
  }
  EXPECT_FALSE(parse_postgres_url("postgresql://h/" + std::string(5000, 'd'), milliseconds(1)));
}

TEST(PostgresError, SaysWhatASqlstateMeansAndNothingElse) {
  const auto code = [](const char* state) { return std::string(postgres_error(state, "here").code); };
  EXPECT_EQ(code("23505"), "store.constraint");
  EXPECT_EQ(code("40001"), "store.busy");
  EXPECT_EQ(code("55P03"), "store.busy");
  EXPECT_EQ(code("57014"), "store.busy");
  EXPECT_EQ(code("57P01"), "store.unavailable");
  EXPECT_EQ(code("08006"), "store.unavailable");
  EXPECT_EQ(code("53100"), "store.full");
  EXPECT_EQ(code("53300"), "store.unavailable");
  EXPECT_EQ(code("25006"), "store.read_only");
  EXPECT_EQ(code("XX001"), "store.corrupt");
  EXPECT_EQ(code("42601"), "store.failed");
  EXPECT_EQ(code(""), "store.failed");
  EXPECT_TRUE(is_worth_another_run("40P01"));
  EXPECT_FALSE(is_worth_another_run("23505"));
  EXPECT_TRUE(ends_the_connection("57P01"));
  EXPECT_FALSE(ends_the_connection("57014"));
}

TEST(PostgresError, AReasonHasOneLineAndNoPassword) {
  EXPECT_EQ(connect_reason("SOCI says\nconnection to geheim failed: geheim\n\tIs it there?\n", "geheim"),
            "connection to *** failed: ***");
  EXPECT_EQ(connect_reason("one line", ""), "one line");
  EXPECT_EQ(connect_reason("a * b", "*"), "a *** b");
  EXPECT_EQ(connect_reason(std::string(1000, 'x'), "").size(), 300U);
}

}  // namespace
}  // namespace millrace::store
