#include "base/bounded_json.hpp"

#include <gtest/gtest.h>

namespace millrace {
namespace {

std::string nested(char open, char close, std::size_t depth, const std::string& inner) {
  std::string text;
  for (std::size_t i = 0; i < depth; ++i) text += open == '{' ? "{\"a\":" : "[";
  text += inner;
  return text + std::string(depth, close);
}

TEST(BoundedJson, RefusesWhatIsBeyondItsLimitsAndSaysWhy) {
  struct Case {
    std::string text, field, message;  // both empty: it is good
  };
  std::string many = "[0";
  for (int i = 0; i < 600; ++i) many += ",0";
  const Case cases[] = {
      {"null", "", ""},
      {R"({"a":[1,2.5,-3,"x",true,null]})", "", ""},
      {nested('[', ']', 8, "1"), "", ""},
      {nested('[', ']', 9, ""), "", "is nested too deeply"},
      {nested('[', ']', 9, "1"), "", "is nested too deeply"},
      {nested('{', '}', 9, "1"), "", "is nested too deeply"},
      {std::string(32'000, '['), "", "is nested too deeply"},
      {many + "]", "", "has too many values"},
      {R"({"a":1,"b":2,"a":3})", "a", "is there twice"},
      {std::string(70'000, ' '), "", "is too large"},
      {"", "", "is not valid JSON"},
      {"{", "", "is not valid JSON"},
      {"\"\xFF\"", "", "is not valid JSON"},
      {"1 2", "", "is not valid JSON"},
  };
  for (const Case& c : cases) {
    JsonFault fault;
    const bool good = c.message.empty();
    EXPECT_EQ(parse_json(c.text, {}, &fault).has_value(), good) << c.text.substr(0, 40);
    EXPECT_EQ(fault.field, c.field) << c.text.substr(0, 40);
    EXPECT_EQ(fault.message, c.message) << c.text.substr(0, 40);
  }
}

TEST(BoundedJson, ReadsWhatTheParserOfAnyDepthReads) {
  for (const char* text : {R"({"b":{"c":[{}]},"a":"\ud83d\ude00"})", "[[],{},\"\",0]", "\"x\"", "-0.5e3"})
    EXPECT_EQ(parse_json(text), nlohmann::json::parse(text)) << text;
}

}  // namespace
}  // namespace millrace
