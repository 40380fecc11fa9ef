#include "codecs/aac.hpp"

#include <gtest/gtest.h>

namespace millrace::codecs {
namespace {

struct Case {
  const char* name;
  Bytes asc;
  AudioSpecificConfig expected;
  const char* codec;
};

const Case kCases[] = {
    {"LC 44.1 kHz stereo, two bytes",
     {0x12, 0x10},
     {2, 44'100, 2, 1024, false, false, 0, false},
     "mp4a.40.2"},
    {"LC 44.1 kHz stereo, told to have no SBR",
     {0x12, 0x10, 0x56, 0xE5, 0x00},
     {2, 44'100, 2, 1024, false, false, 0, false},
     "mp4a.40.2"},
    {"LC 48 kHz mono",
     {0x11, 0x88, 0x56, 0xE5, 0x00},
     {2, 48'000, 1, 1024, false, false, 0, false},
     "mp4a.40.2"},
    {"LC 48 kHz 5.1",
     {0x11, 0xB0, 0x56, 0xE5, 0x00},
     {2, 48'000, 6, 1024, false, false, 0, false},
     "mp4a.40.2"},
    {"LC 48 kHz 7.1", {0x11, 0xB8}, {2, 48'000, 8, 1024, false, false, 0, false}, "mp4a.40.2"},
    {"frames of 960", {0x11, 0x94}, {2, 48'000, 2, 960, false, false, 0, false}, "mp4a.40.2"},
    {"24 kHz, SBR possible and not told",
     {0x13, 0x10},
     {2, 24'000, 2, 1024, false, false, 0, true},
     "mp4a.40.2"},
    {"24 kHz, told to have no SBR",
     {0x13, 0x10, 0x56, 0xE5, 0x00},
     {2, 24'000, 2, 1024, false, false, 0, false},
     "mp4a.40.2"},
    {"SBR told behind the core",
     {0x13, 0x10, 0x56, 0xE5, 0x98},
     {2, 24'000, 2, 1024, true, false, 48'000, false},
     "mp4a.40.5"},
    // 00010 0110 0001 000 | 0x2B7 00101 1 0011 | 0x548 1
    {"SBR and PS told behind the core",
     {0x13, 0x08, 0x56, 0xE5, 0x9D, 0x48, 0x80},
     {2, 24'000, 1, 1024, true, true, 48'000, false},
     "mp4a.40.29"},
    // 00101 0110 0010 0011 00010 000
    {"SBR told in front",
     {0x2B, 0x11, 0x88, 0x00},
     {2, 24'000, 2, 1024, true, false, 48'000, false},
     "mp4a.40.5"},
    // 11101 0110 0001 0011 00010 000
    {"PS told in front",
     {0xEB, 0x09, 0x88, 0x00},
     {2, 24'000, 1, 1024, true, true, 48'000, false},
     "mp4a.40.29"},
    // 00010 1111 (24 bits: 37800) 0010 000
    {"a rate of its own",
     {0x17, 0x80, 0x49, 0xD4, 0x10},
     {2, 37'800, 2, 1024, false, false, 0, false},
     "mp4a.40.2"},
    // 00010 0011 0000 000 | tag 0000 type 01 rate 0011 front 0001 side 0000 back 0000 lfe 00 assoc 000 cc
    // 0000 mixdowns 000 | pair 1 0000 | to the byte: 0 | comment 00000000
    {"channels told by a program configuration",
     {0x11, 0x80, 0x04, 0xC4, 0x00, 0x00, 0x20, 0x00},
     {2, 48'000, 2, 1024, false, false, 0, false},
     "mp4a.40.2"},
};

TEST(AudioSpecificConfig, ReadsWhatEncodersWrite) {
  for (const Case& c : kCases) {
    SCOPED_TRACE(c.name);
    const auto config = parse_audio_specific_config(c.asc);
    ASSERT_TRUE(config) << config.error().code;
    EXPECT_EQ(config->object_type, c.expected.object_type);
    EXPECT_EQ(config->sample_rate, c.expected.sample_rate);
    EXPECT_EQ(config->channels, c.expected.channels);
    EXPECT_EQ(config->frame_length, c.expected.frame_length);
    EXPECT_EQ(config->sbr, c.expected.sbr);
    EXPECT_EQ(config->ps, c.expected.ps);
    EXPECT_EQ(config->extension_sample_rate, c.expected.extension_sample_rate);
    EXPECT_EQ(config->implicit_sbr_possible, c.expected.implicit_sbr_possible);
    EXPECT_EQ(codec_string(*config), c.codec);
  }
}

TEST(AudioSpecificConfig, TellsWhichSayTheSameInOtherWords) {
  const struct {
    const char* what;
    Bytes a, b;
    bool alike;
  } table[] = {
      {"the same", {0x11, 0x90}, {0x11, 0x90}, true},
      {"no SBR, told and at a rate that has none", {0x11, 0x90}, {0x11, 0x90, 0x56, 0xE5, 0x00}, true},
      {"24 kHz with SBR to 48 kHz, hierarchical and left to the frames",
       {0x2B, 0x11, 0x88, 0x00},
       {0x13, 0x10},
       true},
      {"the same, backward compatible", {0x13, 0x10, 0x56, 0xE5, 0x98}, {0x13, 0x10}, true},
      {"both explicit, in either way", {0x2B, 0x11, 0x88, 0x00}, {0x13, 0x10, 0x56, 0xE5, 0x98}, true},
      {"at 24 kHz: no SBR, and left to the frames, which may have it",
       {0x13, 0x10, 0x56, 0xE5, 0x00},
       {0x13, 0x10},
       false},
      {"24 kHz with SBR to 24 kHz, and left to the frames, where it makes 48 kHz",
       {0x2B, 0x31, 0x88, 0x00},
       {0x13, 0x10},
       false},
      {"mono: PS told, and left to the frames with SBR",
       {0xEB, 0x09, 0x88, 0x00},
       {0x2B, 0x09, 0x88, 0x00},
       true},
      {"mono: PS told, and left to the frames as SBR is", {0xEB, 0x09, 0x88, 0x00}, {0x13, 0x08}, true},
      {"mono: PS told, and told to be none",
       {0xEB, 0x09, 0x88, 0x00},
       {0x13, 0x08, 0x56, 0xE5, 0x9D, 0x48, 0x00},
       false},
      {"mono: PS told to be none, and left to the frames",
       {0x13, 0x08, 0x56, 0xE5, 0x9D, 0x48, 0x00},
       {0x2B, 0x09, 0x88, 0x00},
       false},
      {"SBR and none", {0x2B, 0x11, 0x88, 0x00}, {0x13, 0x10, 0x56, 0xE5, 0x00}, false},
      {"another rate", {0x11, 0x90}, {0x12, 0x10}, false},
      {"mono and stereo", {0x11, 0x88}, {0x11, 0x90}, false},
      {"frames of 1024 and 960", {0x11, 0x90}, {0x11, 0x94}, false},
      {"LC and Main", {0x11, 0x90}, {0x09, 0x90}, false},
  };
  for (const auto& row : table) {
    SCOPED_TRACE(row.what);
    const auto a = parse_audio_specific_config(row.a);
    const auto b = parse_audio_specific_config(row.b);
    ASSERT_TRUE(a && b);
    EXPECT_EQ(decode_alike(*a, *b), row.alike);
    EXPECT_EQ(decode_alike(*b, *a), row.alike);
  }
}

// A prefix is refused, or ends within the optional extension and then says the same of the core.
TEST(AudioSpecificConfig, SurvivesEveryPrefix) {
  for (const Case& c : kCases) {
    for (std::size_t size = 0; size < c.asc.size(); ++size) {
      const Bytes prefix(c.asc.begin(), c.asc.begin() + static_cast<std::ptrdiff_t>(size));
      const auto config = parse_audio_specific_config(prefix);
      if (size < 2) {
        EXPECT_FALSE(config);
      }
      if (!config) continue;
      EXPECT_EQ(config->sample_rate, c.expected.sample_rate) << c.name << " at " << size;
      EXPECT_EQ(config->channels, c.expected.channels) << c.name << " at " << size;
    }
  }
}

TEST(AudioSpecificConfig, RefusesWhatIsNotSupported) {
  const struct {
    const char* name;
    Bytes asc;
    std::string_view code;
  } cases[] = {
      {"empty", {}, "codecs.aac_truncated"},
      {"object type 0", {0x02, 0x10}, "codecs.aac_object_type"},
      {"ER AAC LD (23)", {0xBA, 0x10}, "codecs.aac_object_type"},
      {"xHE-AAC (42)", {0xF9, 0x44, 0x20}, "codecs.aac_object_type"},
      {"reserved rate index 13", {0x16, 0x90}, "codecs.aac_sample_rate"},
      {"a rate of 1 Hz", {0x17, 0x80, 0x00, 0x00, 0x90}, "codecs.aac_sample_rate"},
      {"a rate of 16 MHz", {0x17, 0xFF, 0xFF, 0xFF, 0x90}, "codecs.aac_sample_rate"},
      {"reserved channel configuration 8", {0x11, 0xC0}, "codecs.aac_channels"},
      {"channels to be told, but cut off", {0x11, 0x80}, "codecs.aac_truncated"},
      {"an ADTS header", {0xFF, 0xF1, 0x50, 0x80}, "codecs.aac_object_type"},
  };
  for (const auto& c : cases) {
    const auto config = parse_audio_specific_config(c.asc);
    ASSERT_FALSE(config) << c.name;
    EXPECT_EQ(config.error().code, c.code) << c.name;
  }
}

}  // namespace
}  // namespace millrace::codecs
