#include "rtmp/amf0_json.hpp"

#include <gtest/gtest.h>

#include <limits>

#include "rtmp/client_bytes.hpp"

namespace millrace::rtmp::amf0 {
namespace {

constexpr std::size_t kMost = 256;

TEST(Amf0Json, WritesEveryKindOfValue) {
  const std::pair<Value, const char*> cases[] = {
      {Null{}, "null"},
      {Value(), "null"},
      {Reference{3}, "null"},
      {true, "true"},
      {2.5, "2.5"},
      {1e21, "1e+21"},
      {std::numeric_limits<double>::infinity(), "null"},
      {"a\"b\\c\n\x01é", "\"a\\\"b\\\\c\\u000a\\u0001é\""},
      {Date{1000}, "1000"},
      {Object{}, "{}"},
      {testing::object({{"text", "hi"}, {"n", 1.0}}), R"({"text":"hi","n":1})"},
      {StrictArray{{1.0, "x", StrictArray{}}}, R"([1,"x",[]])"},
  };
  for (const auto& [value, json] : cases) EXPECT_EQ(to_json(value, kMost), json);
}

TEST(Amf0Json, RefusesWhatIsTooMuchOrNoText) {
  EXPECT_FALSE(to_json("\xFF", kMost));
  EXPECT_FALSE(to_json(testing::object({{"\xC0\x80", 1.0}}), kMost));
  EXPECT_FALSE(to_json(std::string(kMost, 'x'), kMost));
  EXPECT_TRUE(to_json(std::string(kMost - 2, 'x'), kMost));
  Object wide;
  for (int i = 0; i < 1000; ++i) wide.properties.push_back({"n", 1.0});
  EXPECT_FALSE(to_json(wide, kMost));
  Value deep = 1.0;
  for (unsigned i = 0; i < kMaxJsonDepth; ++i) deep = StrictArray{{deep}};
  EXPECT_TRUE(to_json(deep, kMost));
  EXPECT_FALSE(to_json(StrictArray{{deep}}, kMost));
}

}  // namespace
}  // namespace millrace::rtmp::amf0
