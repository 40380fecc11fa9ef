#include "codecs/flac.hpp"

#include <gtest/gtest.h>

#include "codecs/test_support.hpp"

namespace millrace::codecs {
namespace {

constexpr const char* kStreamInfo = "1200120000041a0004ff0bb800f000017700957e0a09f97871af8c611d306aad8ab5";

TEST(FlacHeader, IsReadInEveryForm) {
  for (const std::string front : {"", "00000022", "80000022", "664c614380000022", "664c614300000022"}) {
    SCOPED_TRACE(front);
    const Bytes whole = from_hex(front + kStreamInfo);
    const auto configuration = parse_flac_header(whole);
    ASSERT_TRUE(configuration) << configuration.error().code;
    EXPECT_EQ(configuration->sample_rate, 48'000U);
    EXPECT_EQ(configuration->channels, 1U);
    EXPECT_EQ(configuration->bits_per_sample, 16U);
    EXPECT_EQ(configuration->min_block_samples, 4608U);
    EXPECT_EQ(configuration->max_block_samples, 4608U);
    EXPECT_EQ(flac_specific_box(*configuration), from_hex(std::string("0000000080000022") + kStreamInfo));
    for_each_prefix(whole, [&](const Bytes& prefix) {
      if (prefix.size() == 34) return;  // taken for the bare block
      EXPECT_FALSE(parse_flac_header(prefix)) << prefix.size();
    });
  }
}

TEST(FlacHeader, PassesOverFurtherBlocks) {
  const Bytes whole = from_hex(std::string("664c614300000022") + kStreamInfo +
                               "84000004"
                               "00000000");
  const auto configuration = parse_flac_header(whole);
  ASSERT_TRUE(configuration);
  EXPECT_EQ(configuration->stream_info.size(), 34U);
}

TEST(FlacHeader, RefusesWhatCannotBe) {
  const std::string info = kStreamInfo;
  const struct {
    const char* name;
    std::string header;
    std::string_view code;
  } cases[] = {
      {"empty", "", "codecs.flac_truncated"},
      {"the magic alone", "664c6143", "codecs.flac_truncated"},
      {"a Vorbis comment in front", "664c614304000022" + info, "codecs.flac_invalid"},
      {"another size", "664c614300000023" + info + "00", "codecs.flac_invalid"},
      {"rate 0",
       "12001200"
       "00041a0004ff"
       "00000" +
           info.substr(25),
       "codecs.flac_invalid"},
      {"blocks of 15", "000f1200" + info.substr(8), "codecs.flac_invalid"},
      {"largest block below the smallest", "12001000" + info.substr(8), "codecs.flac_invalid"},
  };
  for (const auto& c : cases) {
    const auto configuration = parse_flac_header(from_hex(c.header));
    ASSERT_FALSE(configuration) << c.name;
    EXPECT_EQ(configuration.error().code, c.code) << c.name;
  }
}

TEST(FlacFrame, TellsItsLength) {
  const struct {
    const char* name;
    const char* frame;
    std::uint32_t samples;  // 0: refused
  } cases[] = {
      {"of FFmpeg", "fff85a0800814e", 4608},
      {"192", "fff8180800", 192},
      {"4096 in variable blocks", "fff9c80800", 4096},
      {"a byte tells",
       "fff8680800"
       "7f",
       128},
      {"two bytes tell",
       "fff8780800"
       "0fff",
       4096},
      {"a long coded number",
       "fff86808"
       "e28080"
       "7f",
       128},
      {"cut within the coded number",
       "fff86808"
       "e280",
       0},
      {"reserved block size", "fff8080800", 0},
      {"no sync", "fff05a0800", 0},
      {"the reserved bit", "fffa5a0800", 0},
      {"a coded number that begins in its middle", "fff8580880", 0},
      {"empty", "", 0},
  };
  for (const auto& c : cases) {
    EXPECT_EQ(flac_frame_samples(from_hex(c.frame)).value_or(0), c.samples) << c.name;
  }
}

}  // namespace
}  // namespace millrace::codecs
