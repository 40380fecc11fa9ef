#include "rtmp/colour_info.hpp"

#include <gtest/gtest.h>

#include <limits>

#include "rtmp/amf0.hpp"
#include "rtmp/client_bytes.hpp"

namespace millrace::rtmp {
namespace {

using testing::object;

amf0::Object config() {
  return object({{"bitDepth", 10.0},
                 {"colorPrimaries", 9.0},
                 {"transferCharacteristics", 16.0},
                 {"matrixCoefficients", 9.0}});
}
amf0::Object light() {
  return object({{"maxFall", 400.0}, {"maxCLL", 1000.0}});
}
amf0::Object mastering() {
  return object({{"redX", 0.68},
                 {"redY", 0.32},
                 {"greenX", 0.265},
                 {"greenY", 0.69},
                 {"blueX", 0.15},
                 {"blueY", 0.06},
                 {"whitePointX", 0.3127},
                 {"whitePointY", 0.329},
                 {"maxLuminance", 1000.0},
                 {"minLuminance", 0.0001}});
}

Bytes payload_of(const amf0::Value& value, std::string_view name = "colorInfo") {
  ByteWriter writer;
  amf0::serialize(name, writer);
  amf0::serialize(value, writer);
  return writer.take();
}

amf0::Object with(amf0::Object object, std::string_view name, amf0::Value value) {
  for (amf0::Property& property : object.properties) {
    if (property.name == name) property.value = std::move(value);
  }
  return object;
}

TEST(ColourInfo, IsReadInTheUnitsOfOthers) {
  const auto info = parse_colour_info(
      payload_of(object({{"colorConfig", config()}, {"hdrCll", light()}, {"hdrMdcv", mastering()}})));
  ASSERT_TRUE(info);
  EXPECT_EQ(info->colour, (codecs::Colour{9, 16, 9, false}));
  EXPECT_EQ(info->hdr.light, (codecs::ContentLight{1000, 400}));
  const codecs::MasteringDisplay display{
      {13250, 34500, 7500, 3000, 34000, 16000, 15635, 16450}, 10'000'000, 1};
  EXPECT_EQ(info->hdr.mastering, display);
}

TEST(ColourInfo, HasAnyPartAlone) {
  EXPECT_TRUE(parse_colour_info(payload_of(object({{"colorConfig", config()}})))->colour);
  EXPECT_TRUE(parse_colour_info(payload_of(object({{"hdrCll", light()}})))->hdr.light);
  EXPECT_TRUE(parse_colour_info(payload_of(object({{"hdrMdcv", mastering()}})))->hdr.mastering);
}

TEST(ColourInfo, IsTakenBackByNothing) {
  EXPECT_EQ(parse_colour_info(payload_of(object({}))), ColourInfo{});
  EXPECT_EQ(parse_colour_info(payload_of(amf0::Value())), ColourInfo{});
}

TEST(ColourInfo, LeavesOutPartsThatAreOutOfRange) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  for (const amf0::Value& wrong : {amf0::Value(nan), amf0::Value(-1.0), amf0::Value(1e300), amf0::Value("9"),
                                   amf0::Value(amf0::Null{})}) {
    const auto info = parse_colour_info(payload_of(
        object({{"hdrCll", with(light(), "maxCLL", wrong)}, {"hdrMdcv", with(mastering(), "redX", wrong)}})));
    ASSERT_TRUE(info);
    EXPECT_TRUE(info->hdr.empty());
  }
  const auto dark =
      parse_colour_info(payload_of(object({{"hdrMdcv", with(mastering(), "maxLuminance", 0.0)}})));
  EXPECT_FALSE(dark->hdr.mastering) << "darker than its black";
  const auto nothing = parse_colour_info(payload_of(object({{"colorConfig", object({{"bitDepth", 8.0}})}})));
  EXPECT_FALSE(nothing->colour);
}

TEST(ColourInfo, OfAnotherNameOrFormIsNone) {
  EXPECT_FALSE(parse_colour_info(payload_of(config(), "colourInfo")));
  EXPECT_FALSE(parse_colour_info(Bytes{}));
  EXPECT_FALSE(parse_colour_info(Bytes{0xFF, 0, 1}));
}

TEST(ColourInfo, SurvivesEveryTruncation) {
  const Bytes whole =
      payload_of(object({{"colorConfig", config()}, {"hdrCll", light()}, {"hdrMdcv", mastering()}}));
  for (std::size_t size = 0; size < whole.size(); ++size) {
    const Bytes prefix(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size));
    const auto info = parse_colour_info(prefix);
    EXPECT_EQ(info.value_or(ColourInfo{}), ColourInfo{}) << size;
  }
}

}  // namespace
}  // namespace millrace::rtmp
