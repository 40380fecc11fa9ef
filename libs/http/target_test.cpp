#include "http/target.hpp"

#include <gtest/gtest.h>

namespace millrace::http {
namespace {

TEST(Target, DecodesThePathOnceAndTheQuery) {
  struct Case {
    std::string_view target, path, raw_query;
  };
  const Case cases[] = {
      {"/", "/", ""},
      {"/live/a-b_c/index.m3u8?x=1", "/live/a-b_c/index.m3u8", "x=1"},
      {"/a%20b/%C3%A9", "/a b/\xC3\xA9", ""},
      {"/%252e%252e/x", "/%2e%2e/x", ""},
      {"/a/", "/a/", ""},
      {"/...", "/...", ""},
      {"http://host:80/x?y", "/x", "y"},
      {"http://host", "/", ""},
      {"/x#fragment", "/x", ""},
      {"*", "*", ""},
  };
  for (const Case& c : cases) {
    const Result<Target> target = parse_target(c.target);
    ASSERT_TRUE(target.has_value()) << c.target;
    EXPECT_EQ(target->path, c.path);
    EXPECT_EQ(target->raw_query, c.raw_query);
  }
}

TEST(Target, RefusesEverythingThatIsNotAPlainPath) {
  const std::string_view cases[] = {"",
                                    "a",
                                    "/../etc",
                                    "/a/../b",
                                    "/%2e%2e/x",
                                    "/..",
                                    "/.",
                                    "/./a",
                                    "//",
                                    "/a//b",
                                    "//etc/passwd",
                                    "/a%2fb",
                                    "/..%2Fx",
                                    "/a\\b",
                                    "/a%5Cb",
                                    "/..%5c",
                                    "/%00",
                                    "/a%0d%0ab",
                                    "/%7f",
                                    "/%",
                                    "/%4",
                                    "/%zz",
                                    "/\xFF",
                                    "/%C0%AE%C0%AE/",
                                    "/..;/admin",
                                    "/%ED%A0%80",
                                    "/%F5%80%80%80",
                                    "ftp://h/x",
                                    "/%e2%82",
                                    "http://h//x"};
  for (const std::string_view target : cases) EXPECT_FALSE(parse_target(target).has_value()) << target;
}

TEST(Target, ParsesQueryParametersInOrder) {
  const Result<Target> target = parse_target("/x?a=1&b=two+words&c=%26&&d&a=2");
  ASSERT_TRUE(target.has_value());
  const std::vector<std::pair<std::string, std::string>> expected = {
      {"a", "1"}, {"b", "two words"}, {"c", "&"}, {"d", ""}, {"a", "2"}};
  EXPECT_EQ(target->query, expected);
  EXPECT_FALSE(parse_target("/x?a=%4").has_value());
  std::string many = "/x?";
  for (std::size_t i = 0; i <= kMaxQueryParameters; ++i) many += "a=1&";
  EXPECT_FALSE(parse_target(many).has_value());
}

TEST(Target, SurvivesEveryPrefixOfALongTarget) {
  const std::string_view whole = "http://host/live/%C3%A9/x.m3u8?token=%41%20+b&c=%F0%9F%8E%A5#f";
  for (std::size_t size = 0; size <= whole.size(); ++size) {
    const Result<Target> target = parse_target(whole.substr(0, size));
    if (target) {
      EXPECT_TRUE(is_valid_utf8(target->path));
    }
  }
}

TEST(PercentEncode, LeavesOnlyUnreservedCharacters) {
  EXPECT_EQ(percent_encode("a-Z_0.~"), "a-Z_0.~");
  EXPECT_EQ(percent_encode("a b/\"\xC3"), "a%20b%2F%22%C3");
  EXPECT_EQ(percent_decode(percent_encode("<x>&%"), false).value(), "<x>&%");
}

}  // namespace
}  // namespace millrace::http
