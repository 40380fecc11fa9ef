#include "json_body.hpp"

#include <gtest/gtest.h>

namespace millrace::api {
namespace {

nlohmann::json document(const http::Response& response) {
  return nlohmann::json::parse(std::get<std::string>(response.body));
}

std::string nested(std::size_t depth) {
  std::string text = R"({"a":)";
  for (std::size_t i = 1; i < depth; ++i) text += "[";
  text += "1";
  for (std::size_t i = 1; i < depth; ++i) text += "]";
  return text + "}";
}

TEST(JsonBody, RefusesWhatIsNoBoundedObject) {
  struct Case {
    std::string text, field;
    bool good;
  };
  std::string many = R"({"a":[)";
  for (int i = 0; i < 600; ++i) many += "0,";
  many += "0]}";
  const Case cases[] = {
      {R"({})", "", true},
      {R"({"a":1,"b":[{"c":null}]})", "", true},
      {R"({"ä":"\ud83d\ude00"})", "", true},
      {"", "", false},
      {"[]", "", false},
      {"1", "", false},
      {R"("a")", "", false},
      {R"({"a":1)", "", false},
      {R"({"a":1}x)", "", false},
      {R"({"a":01})", "", false},
      {R"({"a":NaN})", "", false},
      {R"({'a':1})", "", false},
      {R"({"a":1,})", "", false},
      {"{\"a\":\"\xFF\"}", "", false},
      {"{\"a\":\"\xC0\x80\"}", "", false},
      {R"({"a":"\ud800"})", "", false},
      {"{\"a\":\"\n\"}", "", false},
      {R"({"a":1,"a":2})", "a", false},
      {R"({"b":{"a":1,"a":2}})", "a", false},
      {nested(8), "", true},
      {nested(9), "", false},
      {nested(30'000), "", false},
      {many, "", false},
      {"{\"a\":\"" + std::string(65'536, 'x') + "\"}", "", false},
  };
  for (const Case& c : cases) {
    const JsonBody body = JsonBody::parse(c.text);
    const std::string shown = c.text.substr(0, 60);
    EXPECT_EQ(!body.fault(), c.good) << shown;
    if (c.good || !body.fault()) continue;
    EXPECT_EQ(body.fault()->field, c.field) << shown;
    EXPECT_EQ(body.refusal(422).status, 400) << shown;
  }
}

TEST(JsonBody, EveryTruncationIsRefused) {
  const std::string whole = R"({"a":"x\u00e9","b":[1,2.5e3,true],"c":{"d":null}})";
  ASSERT_FALSE(JsonBody::parse(whole).fault());
  for (std::size_t length = 0; length < whole.size(); ++length)
    EXPECT_TRUE(JsonBody::parse(std::string_view(whole).substr(0, length)).fault()) << length;
}

TEST(JsonBody, NamesTheMemberOfAnotherType) {
  const auto fault_of = [](const char* text, auto&& ask) {
    JsonBody body = JsonBody::parse(text);
    ask(body);
    return body.fault() ? body.fault()->field : "";
  };
  const auto text = [](JsonBody& body) { (void)body.text("f", 4); };
  const auto integer = [](JsonBody& body) { (void)body.integer("f", 1, 10); };
  const auto boolean = [](JsonBody& body) { (void)body.boolean("f"); };
  EXPECT_EQ(fault_of(R"({"f":"four"})", text), "");
  EXPECT_EQ(fault_of(R"({"f":"fiver"})", text), "f");
  EXPECT_EQ(fault_of(R"({"f":null})", text), "");
  for (const char* wrong : {"1", "true", "[]", "{}", "1.5"})
    EXPECT_EQ(fault_of((R"({"f":)" + std::string(wrong) + "}").c_str(), text), "f") << wrong;
  EXPECT_EQ(fault_of(R"({"f":10})", integer), "");
  for (const char* wrong : {"0", "11", "-1", "1.0", "1e1", "\"1\"", "true", "18446744073709551615",
                            "99999999999999999999", "[1]"})
    EXPECT_EQ(fault_of((R"({"f":)" + std::string(wrong) + "}").c_str(), integer), "f") << wrong;
  EXPECT_EQ(fault_of(R"({"f":false})", boolean), "");
  for (const char* wrong : {"0", "\"true\"", "[]"})
    EXPECT_EQ(fault_of((R"({"f":)" + std::string(wrong) + "}").c_str(), boolean), "f") << wrong;
}

TEST(JsonBody, KeepsTheFirstFaultAndKnowsWhatWasAsked) {
  JsonBody body = JsonBody::parse(R"({"a":"x","b":2,"stream_key":"k"})");
  EXPECT_EQ(body.required_text("a", 10), "x");
  EXPECT_FALSE(body.fault());
  body.refuse("stream_key", "cannot be set");
  EXPECT_EQ(body.required_text("missing", 10), "");
  body.refuse_others();
  ASSERT_TRUE(body.fault());
  EXPECT_EQ(body.fault()->field, "stream_key");

  JsonBody other = JsonBody::parse(R"({"a":"x","b":2})");
  (void)other.text("a", 10);
  other.refuse_others();
  ASSERT_TRUE(other.fault());
  EXPECT_EQ(other.fault()->field, "b");
}

TEST(JsonBody, ARefusalHasTheDocumentedMembersToo) {
  JsonBody body = JsonBody::parse(R"({"maxBitrate":-1})");
  (void)body.integer("maxBitrate", 0, 100);
  const http::Response response = body.refusal(422);
  EXPECT_EQ(response.status, 422);
  EXPECT_EQ(response.headers.find("Content-Type"), "application/problem+json");
  const nlohmann::json answer = document(response);
  EXPECT_EQ(answer["type"], "urn:millrace:invalid_field");
  EXPECT_EQ(answer["field"], "maxBitrate");
  EXPECT_EQ(answer["status"], 422);
  EXPECT_EQ(answer["status_code"], 10422);
  EXPECT_EQ(answer["message"], "maxBitrate: must be a whole number from 0 to 100");
  EXPECT_TRUE(answer.contains("data"));
  EXPECT_TRUE(answer["data"].is_null());
}

}  // namespace
}  // namespace millrace::api
