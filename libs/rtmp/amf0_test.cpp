#include "rtmp/amf0.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "rtmp/client_bytes.hpp"

namespace millrace::rtmp::amf0 {
namespace {

struct Case {
  const char* name;
  Value value;
  Bytes bytes;
};

// The same table drives reading, writing and truncation.
const std::vector<Case>& cases() {
  static const std::vector<Case> table = {
      {"number", 3.5, {0x00, 0x40, 0x0C, 0, 0, 0, 0, 0, 0}},
      {"true", true, {0x01, 0x01}},
      {"false", false, {0x01, 0x00}},
      {"string", "live", {0x02, 0, 4, 'l', 'i', 'v', 'e'}},
      {"empty string", "", {0x02, 0, 0}},
      {"null", Null{}, {0x05}},
      {"undefined", Value(), {0x06}},
      {"reference", Reference{0x0102}, {0x07, 1, 2}},
      {"object",
       rtmp::testing::object({{"a", true}, {"b", Null{}}}),
       {0x03, 0, 1, 'a', 0x01, 0x01, 0, 1, 'b', 0x05, 0, 0, 0x09}},
      {"empty object", rtmp::testing::object({}), {0x03, 0, 0, 0x09}},
      {"property without a name", rtmp::testing::object({{"", true}}), {0x03, 0, 0, 0x01, 0x01, 0, 0, 0x09}},
      {"ECMA array",
       Object{Object::Kind::kEcmaArray, {}, {{"a", true}}},
       {0x08, 0, 0, 0, 1, 0, 1, 'a', 0x01, 0x01, 0, 0, 0x09}},
      {"typed object",
       Object{Object::Kind::kTyped, "T", {{"a", true}}},
       {0x10, 0, 1, 'T', 0, 1, 'a', 0x01, 0x01, 0, 0, 0x09}},
      {"strict array", StrictArray{{true, Null{}}}, {0x0A, 0, 0, 0, 2, 0x01, 0x01, 0x05}},
      {"date", Date{3.5}, {0x0B, 0x40, 0x0C, 0, 0, 0, 0, 0, 0, 0, 0}},
  };
  return table;
}

Bytes serialized(const Value& value) {
  ByteWriter out;
  serialize(value, out);
  return out.take();
}

TEST(Amf0, WritesEveryType) {
  for (const Case& each : cases()) EXPECT_EQ(serialized(each.value), each.bytes) << each.name;
}

TEST(Amf0, ReadsEveryType) {
  for (const Case& each : cases()) {
    SCOPED_TRACE(each.name);
    Reader reader(each.bytes);
    const auto value = reader.read();
    ASSERT_TRUE(value);
    EXPECT_TRUE(reader.empty());
    EXPECT_EQ(value->storage().index(), each.value.storage().index());
    EXPECT_EQ(serialized(*value), each.bytes);
  }
}

TEST(Amf0, RefusesEveryTruncation) {
  for (const Case& each : cases()) {
    for (std::size_t size = 0; size < each.bytes.size(); ++size) {
      const auto value = Reader(ByteView(each.bytes).first(size)).read();
      ASSERT_FALSE(value) << each.name << " cut to " << size;
      EXPECT_EQ(value.error().code, "rtmp.amf0");
    }
  }
}

TEST(Amf0, WritesLongStringsWithTheirOwnMarker) {
  const std::string text(70'000, 'x');
  const Bytes bytes = serialized(text);
  EXPECT_EQ(bytes.front(), 0x0C);
  const auto value = Reader(bytes).read();
  ASSERT_TRUE(value);
  EXPECT_EQ(*value->as<std::string>(), text);
}

TEST(Amf0, ReadsXmlAsStringAndUnsupportedAsUndefined) {
  const auto xml = Reader(Bytes{0x0F, 0, 0, 0, 2, '<', '>'}).read();
  ASSERT_TRUE(xml);
  EXPECT_EQ(*xml->as<std::string>(), "<>");
  const auto unsupported = Reader(Bytes{0x0D}).read();
  ASSERT_TRUE(unsupported);
  EXPECT_NE(unsupported->as<Undefined>(), nullptr);
}

TEST(Amf0, DoesNotBelieveTheCountOfAnEcmaArray) {
  const auto value = Reader(Bytes{0x08, 0xFF, 0xFF, 0xFF, 0xFF, 0, 0, 0x09}).read();
  ASSERT_TRUE(value);
  EXPECT_TRUE(value->as<Object>()->properties.empty());
}

TEST(Amf0, RefusesReservedMarkersAndAmf3) {
  for (const std::uint8_t marker : {0x04, 0x09, 0x0E, 0x11, 0x12, 0xFF}) {
    EXPECT_FALSE(Reader(Bytes{marker, 0, 0, 0, 0, 0, 0, 0, 0, 0}).read()) << int{marker};
  }
}

TEST(Amf0, BoundsDepth) {
  const auto nested = [](std::size_t depth) {
    Bytes bytes;
    for (std::size_t i = 0; i < depth; ++i) bytes.insert(bytes.end(), {0x0A, 0, 0, 0, 1});
    bytes.push_back(0x05);
    return bytes;
  };
  EXPECT_TRUE(Reader(nested(kMaxDepth)).read());
  EXPECT_FALSE(Reader(nested(kMaxDepth + 1)).read());
  EXPECT_FALSE(Reader(nested(100'000)).read());
  Bytes objects;
  for (std::size_t i = 0; i < 100'000; ++i) objects.insert(objects.end(), {0x03, 0, 1, 'a'});
  EXPECT_FALSE(Reader(objects).read());
}

TEST(Amf0, BoundsTheNumberOfValues) {
  EXPECT_TRUE(parse(Bytes(kMaxValues, 0x05)));
  EXPECT_FALSE(parse(Bytes(kMaxValues + 1, 0x05)));
  Bytes array = {0x0A, 0, 0, 0x40, 0x00};  // 16384 elements and the array itself: one too many
  array.insert(array.end(), kMaxValues, 0x05);
  EXPECT_FALSE(Reader(array).read());
  array[3] = 0x3F;
  array[4] = 0xFF;
  EXPECT_TRUE(Reader(array).read());
}

TEST(Amf0, RefusesAnArrayLongerThanItsMessage) {
  EXPECT_FALSE(Reader(Bytes{0x0A, 0xFF, 0xFF, 0xFF, 0xFF, 0x05}).read());
}

TEST(Amf0, KeepsNotANumber) {
  const auto value = Reader(Bytes{0x00, 0x7F, 0xF8, 0, 0, 0, 0, 0, 0}).read();
  ASSERT_TRUE(value);
  EXPECT_TRUE(std::isnan(*value->as<double>()));
}

TEST(Amf0, FindsPropertiesByName) {
  const Object object = rtmp::testing::object({{"a", 1.0}, {"a", 2.0}});
  ASSERT_NE(object.find("a"), nullptr);
  EXPECT_EQ(*object.find("a")->as<double>(), 1.0);
  EXPECT_EQ(object.find("b"), nullptr);
}

}  // namespace
}  // namespace millrace::rtmp::amf0
