#include "base/command_line.hpp"

#include <gtest/gtest.h>

#include <array>
#include <string>

namespace millrace {
namespace {

TEST(CommandLine, TakesDigitsOnlyForACount) {
  EXPECT_EQ(parse_count("0"), 0U);
  EXPECT_EQ(parse_count("18446744073709551615"), 18446744073709551615U);
  for (const char* text : {"", "x", "1x", " 1", "1 ", "-1", "+1", "0x10", "1.5", "18446744073709551616"})
    EXPECT_FALSE(parse_count(text)) << text;
}

TEST(CommandLine, KnowsAQuestionForHelp) {
  std::string help = "--help", brief = "-h", other = "--json";
  std::array<char*, 2> arguments{help.data(), other.data()};
  EXPECT_TRUE(asks_for_help(arguments));
  arguments[0] = brief.data();
  EXPECT_TRUE(asks_for_help(arguments));
  arguments = {other.data(), help.data()};
  EXPECT_FALSE(asks_for_help(arguments)) << "it may be another option's value";
  EXPECT_FALSE(asks_for_help({}));
}

}  // namespace
}  // namespace millrace
