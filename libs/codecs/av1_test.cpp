#include "codecs/av1.hpp"

#include <gtest/gtest.h>

#include "codecs/h264.hpp"
#include "codecs/test_support.hpp"

namespace millrace::codecs {
namespace {

struct Case {
  const char* name;
  const char* av1c;
  std::uint32_t width, height;
  std::uint8_t bit_depth;
  Colour colour;
  const char* codec;
};

const Case kCases[] = {
    {"180p of SVT-AV1", "81000c000a0b000000043cfecc02f80040", 320, 180, 8, {2, 2, 2, false}, "av01.0.00M.08"},
    {"180p 10 bit of libaom",
     "81004c000a0b000000043cfeccdaf94040",
     320,
     180,
     10,
     {2, 2, 2, false},
     "av01.0.00M.10"},
    {"no sequence header", "81050c00", 0, 0, 8, {2, 2, 2, false}, "av01.0.05M.08"},
    {"high tier, 12 bit, professional profile", "814df400", 0, 0, 12, {2, 2, 2, false}, "av01.2.13H.12"},
};

TEST(Av1Configuration, TellsSizeDepthAndCodecString) {
  for (const Case& c : kCases) {
    SCOPED_TRACE(c.name);
    const auto configuration = parse_av1_configuration(from_hex(c.av1c));
    ASSERT_TRUE(configuration) << configuration.error().code;
    EXPECT_EQ(configuration->width, c.width);
    EXPECT_EQ(configuration->height, c.height);
    EXPECT_EQ(configuration->bit_depth, c.bit_depth);
    EXPECT_EQ(configuration->colour.value_or(Colour{}), c.colour);
    EXPECT_EQ(codec_string(*configuration), c.codec);
  }
}

TEST(Av1Configuration, WritesTheColourIntoTheCodecString) {
  Av1Configuration configuration;
  configuration.level = 13;
  configuration.bit_depth = 10;
  configuration.colour = Colour{9, 16, 9, false};
  EXPECT_EQ(codec_string(configuration), "av01.0.13M.10.0.110.09.16.09.0");
}

// The first four bytes are needed; behind them an OBU is whole or the record is refused.
TEST(Av1Configuration, RefusesPrefixesThatCutAnObu) {
  const Bytes whole = from_hex(kCases[0].av1c);
  for_each_prefix(whole, [&](const Bytes& prefix) {
    EXPECT_EQ(static_cast<bool>(parse_av1_configuration(prefix)), prefix.size() == 4) << prefix.size();
  });
}

TEST(Av1Configuration, RefusesWhatCannotBe) {
  const struct {
    const char* name;
    const char* av1c;
    std::string_view code;
  } cases[] = {
      {"empty", "", "codecs.av1_truncated"},
      {"no marker", "01000c00", "codecs.av1_version"},
      {"version 2", "82000c00", "codecs.av1_version"},
      {"profile 3", "81600c00", "codecs.av1_invalid"},
      {"an OBU with the forbidden bit", "81000c008a00", "codecs.av1_invalid"},
      {"an OBU longer than the record", "81000c000aff7f00", "codecs.av1_invalid"},
      {"a length without end", "81000c000affffffffffffffffff", "codecs.av1_invalid"},
      {"an empty sequence header", "81000c000a00", "codecs.av1_truncated"},
      // 000 0 1 00000 | width bits 1111 height bits 1111 | 65535 | 65535 | 000 000 | ...
      {"65536 x 65536, a reduced still picture",
       "81000c000a08"
       "083fffffffffc000",
       "codecs.av1_dimensions"},
  };
  for (const auto& c : cases) {
    const auto configuration = parse_av1_configuration(from_hex(c.av1c));
    ASSERT_FALSE(configuration) << c.name;
    EXPECT_EQ(configuration.error().code, c.code) << c.name;
  }
}

TEST(Av1TemporalUnit, TellsKeyFramesAndTheirSequenceHeader) {
  const struct {
    const char* name;
    const char* sample;
    unsigned obus;
    bool key, header;
  } cases[] = {
      {"sequence header and key frame",
       "0a0b000000043cfeccfbf90040"
       "3204"
       "14002190",
       2, true, true},
      {"with a temporal delimiter in front",
       "1200"
       "0a0b000000043cfeccfbf90040"
       "3204"
       "14002190",
       3, true, true},
      {"an inter frame",
       "3204"
       "29080012",
       1, false, false},
      {"a key frame that is not shown",
       "3204"
       "04002190",
       1, false, false},
      {"an existing frame is shown",
       "1a01"
       "a8",
       1, false, false},
      {"a key frame without size field",
       "30"
       "14002190",
       1, true, false},
      {"a frame header of a key frame, then its tiles",
       "1a02"
       "1400"
       "2202"
       "0000",
       2, true, false},
      {"nothing", "", 0, false, false},
      {"with an extension byte",
       "3608"
       "03"
       "140021",
       1, true, false},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.name);
    const Bytes sample = from_hex(c.sample);
    const auto unit = inspect_temporal_unit(sample);
    ASSERT_TRUE(unit) << unit.error().message;
    EXPECT_EQ(unit->obus, c.obus);
    EXPECT_EQ(unit->key_frame, c.key);
    EXPECT_EQ(unit->sequence_header.has_value(), c.header);
    if (c.header) {
      EXPECT_EQ(unit->sequence_header->width, 320U);
      EXPECT_EQ(unit->sequence_header->height, 180U);
      EXPECT_EQ(unit->sequence_header_obu.size(), 13U);
    }
  }
}

TEST(Av1TemporalUnit, RefusesWrongLengths) {
  for (const char* sample : {"32ff00", "320500000000", "b2", "0a0b000000", "36"}) {
    const auto unit = inspect_temporal_unit(from_hex(sample));
    ASSERT_FALSE(unit) << sample;
    EXPECT_EQ(unit.error().code, "codecs.av1_invalid") << sample;
  }
}

// What encoders that send no record are described with is what SVT-AV1 would have written.
TEST(Av1Configuration, IsMadeOfASequenceHeader) {
  const Bytes sample = from_hex(
      "0a0b000000043cfecc02f80040"
      "3204"
      "14002190");
  const auto unit = inspect_temporal_unit(sample);
  ASSERT_TRUE(unit && unit->sequence_header);
  EXPECT_EQ(av1_configuration(*unit->sequence_header, unit->sequence_header_obu), from_hex(kCases[0].av1c));
}

TEST(Av1SequenceHeader, RefusesEveryPrefixThatMatters) {
  const Bytes whole = from_hex("000000043cfecc02f80040");
  for_each_prefix(whole, [&](const Bytes& prefix) {
    const auto header = parse_av1_sequence_header(prefix);
    if (!header) return;
    EXPECT_EQ(header->width, 320U) << prefix.size();
    EXPECT_EQ(header->height, 180U) << prefix.size();
  });
}

}  // namespace
}  // namespace millrace::codecs
