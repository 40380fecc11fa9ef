#include "codecs/vp9.hpp"

#include <gtest/gtest.h>

#include "codecs/test_support.hpp"

namespace millrace::codecs {
namespace {

struct Case {
  const char* name;
  const char* vpcc;
  const char* codec;
  const char* box;  // the full box's payload
};

const Case kCases[] = {
    {"a full box of FFmpeg's MP4", "01000000000b820202020000", "vp09.00.11.08", "01000000000b820202020000"},
    {"the bare record", "000b820202020000", "vp09.00.11.08", "01000000000b820202020000"},
    {"10 bit", "01000000020ba20202020000", "vp09.02.11.10", "01000000020ba20202020000"},
    {"PQ in BT.2020", "020aa20910090000", "vp09.02.10.10.01.09.16.09.00", "01000000020aa20910090000"},
    {"4:4:4", "011e860202020000", "vp09.01.30.08.03.02.02.02.00", "01000000011e860202020000"},
    {"profile 1 at no level: not a full box", "0100000000", "", ""},
    {"a level that is not known", "0000820202020000", "vp09.00.41.08", "010000000000820202020000"},
};

TEST(Vp9Configuration, TellsCodecStringAndFullBox) {
  for (const Case& c : kCases) {
    SCOPED_TRACE(c.name);
    const auto configuration = parse_vp9_configuration(from_hex(c.vpcc));
    ASSERT_EQ(static_cast<bool>(configuration), *c.codec != '\0');
    if (!configuration) continue;
    EXPECT_EQ(codec_string(*configuration), c.codec);
    EXPECT_EQ(vp9_configuration_box(*configuration), from_hex(c.box));
  }
}

TEST(Vp9Configuration, RefusesEveryPrefix) {
  for (const char* vpcc : {"000b820202020000", "01000000000b820202020000"}) {
    for_each_prefix(from_hex(vpcc), [&](const Bytes& prefix) {
      EXPECT_FALSE(parse_vp9_configuration(prefix)) << vpcc << " at " << prefix.size();
    });
  }
}

TEST(Vp9Configuration, RefusesWhatIsReserved) {
  const struct {
    const char* name;
    const char* vpcc;
    std::string_view code;
  } cases[] = {
      {"profile 4", "040b820202020000", "codecs.vp9_invalid"},
      {"9 bits", "000b920202020000", "codecs.vp9_invalid"},
      {"chroma subsampling 4", "000b880202020000", "codecs.vp9_invalid"},
      {"initialization data that is not there", "000b820202020001", "codecs.vp9_truncated"},
  };
  for (const auto& c : cases) {
    const auto configuration = parse_vp9_configuration(from_hex(c.vpcc));
    ASSERT_FALSE(configuration) << c.name;
    EXPECT_EQ(configuration.error().code, c.code) << c.name;
  }
}

TEST(Vp9FrameHeader, TellsKeyFramesAndTheirSize) {
  const struct {
    const char* name;
    const char* sample;
    bool key, shown, existing;
    std::uint8_t profile, depth;
    std::uint32_t width, height;
  } cases[] = {
      {"key frame of libvpx", "824983420013f00b3606", true, true, false, 0, 8, 320, 180},
      {"10 bit key frame", "924983420009f8059b03", true, true, false, 2, 10, 320, 180},
      {"inter frame", "86004092f1", false, true, false, 0, 8, 0, 0},
      {"10 bit inter frame", "96004092f1", false, true, false, 2, 8, 0, 0},
      {"an existing frame is shown", "88", false, false, true, 0, 8, 0, 0},
      // 10 1 0 0 0 1 0 | sync | 001 0 1 1 0 | width, height in 16 bits each
      {"4:2:0 told in profile 1", "a24983422c027e0166", true, true, false, 1, 8, 320, 180},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.name);
    const auto header = parse_vp9_frame_header(from_hex(c.sample));
    ASSERT_TRUE(header) << header.error().code;
    EXPECT_EQ(header->key_frame, c.key);
    EXPECT_EQ(header->show_frame, c.shown);
    EXPECT_EQ(header->show_existing_frame, c.existing);
    EXPECT_EQ(header->profile, c.profile);
    EXPECT_EQ(header->bit_depth, c.depth);
    EXPECT_EQ(header->width, c.width);
    EXPECT_EQ(header->height, c.height);
  }
}

TEST(Vp9FrameHeader, RefusesEveryPrefixAndForgery) {
  for_each_prefix(from_hex("824983420013f00b36"), [&](const Bytes& prefix) {
    const auto header = parse_vp9_frame_header(prefix);
    ASSERT_FALSE(header) << prefix.size();
  });
  const struct {
    const char* name;
    const char* sample;
    std::string_view code;
  } cases[] = {
      {"no frame marker", "424983420013f00b36", "codecs.vp9_invalid"},
      {"another sync code", "824983430013f00b36", "codecs.vp9_invalid"},
      {"a reserved profile", "b84983420013f00b36", "codecs.vp9_invalid"},
      {"RGB in profile 0", "82498342e013f00b36", "codecs.vp9_invalid"},
      {"32768 wide", "8249834207fff00b3600", "codecs.vp9_dimensions"},
  };
  for (const auto& c : cases) {
    const auto header = parse_vp9_frame_header(from_hex(c.sample));
    ASSERT_FALSE(header) << c.name;
    EXPECT_EQ(header.error().code, c.code) << c.name;
  }
}

}  // namespace
}  // namespace millrace::codecs
