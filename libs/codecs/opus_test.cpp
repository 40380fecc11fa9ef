#include "codecs/opus.hpp"

#include <gtest/gtest.h>

#include "codecs/test_support.hpp"

namespace millrace::codecs {
namespace {

TEST(OpusHead, BecomesMp4sForm) {
  const struct {
    const char* name;
    const char* head;
    const char* dops;
    unsigned channels, pre_skip;
  } cases[] = {
      {"stereo of libopus", "4f707573486561640102380180bb0000000000", "000201380000bb80000000", 2, 312},
      {"mono at a gain of -1 dB",
       "4f70757348656164010138014"
       "4ac000000ff00",
       "000101380000ac44ff0000", 1, 312},
      {"5.1",
       "4f70757348656164010638"
       "0180bb00000000"
       "01"
       "0402000401020305",
       "000601380000bb800000010402000401020305", 6, 312},
      {"a later minor version",
       "4f707573486561640f0200000000000000"
       "0000",
       "0002000000000000000000", 2, 0},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.name);
    const auto configuration = parse_opus_head(from_hex(c.head));
    ASSERT_TRUE(configuration) << configuration.error().code;
    EXPECT_EQ(configuration->channels, c.channels);
    EXPECT_EQ(configuration->pre_skip, c.pre_skip);
    EXPECT_EQ(opus_specific_box(*configuration), from_hex(c.dops));
    for_each_prefix(from_hex(c.head),
                    [&](const Bytes& prefix) { EXPECT_FALSE(parse_opus_head(prefix)) << prefix.size(); });
  }
}

TEST(OpusHead, RefusesWhatCannotBe) {
  const struct {
    const char* name;
    const char* head;
    std::string_view code;
  } cases[] = {
      {"another magic", "4f707573546167730102380180bb0000000000", "codecs.opus_version"},
      {"version 16", "4f707573486561641002380180bb0000000000", "codecs.opus_version"},
      {"no channel", "4f707573486561640100380180bb0000000000", "codecs.opus_channels"},
      {"three in family 0", "4f707573486561640103380180bb0000000000", "codecs.opus_channels"},
      {"nine in family 1",
       "4f707573486561640109380180bb0000000001"
       "0900000102030405060708",
       "codecs.opus_channels"},
      {"no stream",
       "4f707573486561640101380180bb00000000ff"
       "000000",
       "codecs.opus_channels"},
      {"more coupled streams than streams",
       "4f707573486561640101380180bb00000000ff"
       "010200",
       "codecs.opus_channels"},
      {"a channel of no stream",
       "4f707573486561640101380180bb00000000ff"
       "010001",
       "codecs.opus_channels"},
  };
  for (const auto& c : cases) {
    const auto configuration = parse_opus_head(from_hex(c.head));
    ASSERT_FALSE(configuration) << c.name;
    EXPECT_EQ(configuration.error().code, c.code) << c.name;
  }
}

// RFC 6716 table 2: configuration numbers in the five bits on top.
TEST(OpusPacket, TellsItsDuration) {
  const struct {
    Bytes packet;
    std::uint32_t samples;  // 0: refused
  } cases[] = {{{0 << 3}, 480},
               {{1 << 3}, 960},
               {{2 << 3}, 1920},
               {{3 << 3}, 2880},
               {{11 << 3}, 2880},
               {{12 << 3}, 480},
               {{15 << 3}, 960},
               {{16 << 3}, 120},
               {{17 << 3}, 240},
               {{19 << 3}, 960},
               {{31 << 3}, 960},
               {{31 << 3 | 1}, 1920},
               {{31 << 3 | 2}, 1920},
               {{31 << 3 | 3, 6}, 5760},
               {{31 << 3 | 3, 0x80 | 0x40 | 3}, 2880},
               {{31 << 3 | 3, 7}, 0},
               {{31 << 3 | 3, 0}, 0},
               {{31 << 3 | 3}, 0},
               {{}, 0},
               {{16 << 3 | 3, 48}, 5760},
               {{16 << 3 | 3, 49}, 0},
               {{0x7C, 0x87, 0xFC}, 960}};
  for (const auto& c : cases) {
    const auto samples = opus_packet_samples(c.packet);
    EXPECT_EQ(samples.value_or(0), c.samples) << (c.packet.empty() ? -1 : c.packet[0] >> 3);
  }
}

}  // namespace
}  // namespace millrace::codecs
