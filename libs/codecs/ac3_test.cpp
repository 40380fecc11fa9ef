#include "codecs/ac3.hpp"

#include <gtest/gtest.h>

#include "codecs/test_support.hpp"

namespace millrace::codecs {
namespace {

TEST(Ac3Frame, BecomesMp4sForm) {
  const struct {
    const char* name;
    const char* frame;
    const char* dac3;
    std::uint32_t rate, channels;
  } cases[] = {
      {"stereo, 96 kbit/s", "0b7738900c4043e106f0", "1010c0", 48'000, 2},
      {"5.1, 192 kbit/s", "0b7751591440ebf8403e", "103d40", 48'000, 6},
      {"mono, 44.1 kHz", "0b77000048402000", "", 44'100, 1},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.name);
    const auto configuration = parse_ac3_frame(from_hex(c.frame));
    ASSERT_TRUE(configuration) << configuration.error().code;
    EXPECT_EQ(configuration->sample_rate, c.rate);
    EXPECT_EQ(configuration->channels, c.channels);
    EXPECT_EQ(configuration->samples_per_frame, 1536U);
    const Bytes box = ac3_specific_box(*configuration);
    const auto back = parse_ac3_specific_box(box);
    ASSERT_TRUE(back);
    EXPECT_EQ(back->sample_rate, c.rate);
    EXPECT_EQ(back->channels, c.channels);
    EXPECT_EQ(ac3_specific_box(*back), box);
    if (*c.dac3 != '\0') {
      EXPECT_EQ(box, from_hex(c.dac3));
    }
    for_each_prefix(box, [](const Bytes& prefix) { EXPECT_FALSE(parse_ac3_specific_box(prefix)); });
  }
}

TEST(Ac3Frame, RefusesWhatIsReserved) {
  const struct {
    const char* name;
    const char* frame;
    std::string_view code;
  } cases[] = {
      {"empty", "", "codecs.ac3_truncated"},
      {"cut off", "0b7738900c40", "codecs.ac3_truncated"},
      {"no syncword", "0b7638900c4043e1", "codecs.ac3_sync"},
      {"Enhanced AC-3", "0b7700bf3487c00020", "codecs.ac3_sync"},
      {"a reserved sample rate", "0b773890cc4043e1", "codecs.ac3_invalid"},
      {"a reserved frame size", "0b7738903f4043e1", "codecs.ac3_invalid"},
  };
  for (const auto& c : cases) {
    const auto configuration = parse_ac3_frame(from_hex(c.frame));
    ASSERT_FALSE(configuration) << c.name;
    EXPECT_EQ(configuration.error().code, c.code) << c.name;
  }
}

// A syncframe's header followed by zeros up to its size.
Bytes eac3_frame(const char* header, std::size_t size) {
  Bytes frame = from_hex(header);
  frame.resize(size);
  return frame;
}

TEST(Eac3Frame, BecomesMp4sForm) {
  const struct {
    const char* name;
    Bytes sample;
    const char* dec3;
    std::uint32_t channels, samples;
  } cases[] = {
      {"stereo, 96 kbit/s", eac3_frame("0b7700bf3487c00020", 384), "0300200400", 2, 1536},
      {"5.1, 192 kbit/s", eac3_frame("0b77017f3f87c00020", 768), "0600200f00", 6, 1536},
      {"a single block", eac3_frame("0b77001f0487c00020", 64), "0300200400", 2, 256},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.name);
    const auto configuration = parse_eac3_frame(c.sample);
    ASSERT_TRUE(configuration) << configuration.error().code;
    EXPECT_EQ(configuration->sample_rate, 48'000U);
    EXPECT_EQ(configuration->channels, c.channels);
    EXPECT_EQ(configuration->samples_per_frame, c.samples);
    const Bytes box = eac3_specific_box(*configuration);
    EXPECT_EQ(box, from_hex(c.dec3));
    const auto back = parse_eac3_specific_box(box);
    ASSERT_TRUE(back);
    EXPECT_EQ(back->channels, c.channels);
    EXPECT_EQ(back->sample_rate, 48'000U);
    for_each_prefix(box, [](const Bytes& prefix) { EXPECT_FALSE(parse_eac3_specific_box(prefix)); });
    for_each_prefix(c.sample, [](const Bytes& prefix) { EXPECT_FALSE(parse_eac3_frame(prefix)); });
  }
}

TEST(Eac3Frame, CountsBlocksAndDependentSubstreams) {
  // Six syncframes of a block each: one sample of 1536.
  const Bytes block = eac3_frame("0b77001f0487c00020", 64);
  Bytes sample;
  for (int i = 0; i < 6; ++i) sample.insert(sample.end(), block.begin(), block.end());
  auto configuration = parse_eac3_frame(sample);
  ASSERT_TRUE(configuration);
  EXPECT_EQ(configuration->samples_per_frame, 1536U);
  EXPECT_EQ(configuration->data_rate_kbps, 96U);

  // 5.1 and a dependent substream whose chanmap (0x0200: Lrs/Rrs) makes it 7.1.
  // strmtyp 01 substreamid 000 frmsiz 31 | fscod 00 numblkscod 11 acmod 010 lfe 0 | bsid 10000 dialnorm 00000
  // compre 0 chanmape 1 chanmap 0000001000000000
  sample = eac3_frame("0b77017f3f87c00020", 768);
  const Bytes dependent = eac3_frame("0b77401f34801020", 64);
  sample.insert(sample.end(), dependent.begin(), dependent.end());
  configuration = parse_eac3_frame(sample);
  ASSERT_TRUE(configuration);
  EXPECT_EQ(configuration->samples_per_frame, 1536U);
  EXPECT_EQ(configuration->dependent_substreams, 1U);
  EXPECT_EQ(configuration->channel_locations, 2U);
  EXPECT_EQ(configuration->channels, 8U);
  const Bytes box = eac3_specific_box(*configuration);
  EXPECT_EQ(box.size(), 6U);
  const auto back = parse_eac3_specific_box(box);
  ASSERT_TRUE(back);
  EXPECT_EQ(back->channels, 8U);
}

TEST(Eac3Frame, RefusesWhatCannotBegin) {
  EXPECT_EQ(parse_eac3_frame(eac3_frame("0b7738900c4043e1", 400)).error().code, "codecs.ac3_sync");
  EXPECT_EQ(parse_eac3_frame(eac3_frame("0b77401f34801020", 64)).error().code, "codecs.ac3_sync");
  EXPECT_EQ(parse_eac3_frame(eac3_frame("0b77001fc487c00020", 64)).error().code, "codecs.ac3_invalid");
  EXPECT_EQ(parse_eac3_frame({}).error().code, "codecs.ac3_truncated");
}

}  // namespace
}  // namespace millrace::codecs
