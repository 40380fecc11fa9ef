#include "codecs/mp3.hpp"

#include <gtest/gtest.h>

#include "codecs/test_support.hpp"

namespace millrace::codecs {
namespace {

TEST(Mp3Header, TellsRateChannelsAndLength) {
  const struct {
    const char* name;
    const char* header;
    std::uint32_t rate, channels, samples;
    const char* codec;
  } cases[] = {
      {"48 kHz joint stereo of LAME", "fffb5464", 48'000, 2, 1152, "mp4a.6B"},
      {"44.1 kHz stereo with a CRC", "fffa9000", 44'100, 2, 1152, "mp4a.6B"},
      {"22.05 kHz mono", "fff340c4", 22'050, 1, 576, "mp4a.69"},
      {"8 kHz of MPEG-2.5", "ffe348c0", 8'000, 1, 576, "mp4a.69"},
      {"free format", "fffb0464", 48'000, 2, 1152, "mp4a.6B"},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.name);
    const auto configuration = parse_mp3_header(from_hex(c.header));
    ASSERT_TRUE(configuration) << configuration.error().code;
    EXPECT_EQ(configuration->sample_rate, c.rate);
    EXPECT_EQ(configuration->channels, c.channels);
    EXPECT_EQ(configuration->samples_per_frame, c.samples);
    EXPECT_EQ(codec_string(*configuration), c.codec);
    for_each_prefix(from_hex(c.header), [](const Bytes& prefix) { EXPECT_FALSE(parse_mp3_header(prefix)); });
  }
}

TEST(Mp3Header, RefusesWhatIsNoFrame) {
  const struct {
    const char* name;
    const char* header;
    std::string_view code;
  } cases[] = {
      {"an ID3 tag", "49443304", "codecs.mp3_sync"},
      {"ADTS", "fff15080", "codecs.mp3_sync"},
      {"the reserved version", "ffeb5464", "codecs.mp3_sync"},
      {"layer II", "fffd5464", "codecs.mp3_layer"},
      {"layer I", "ffff5464", "codecs.mp3_layer"},
      {"bit rate 15", "fffbf464", "codecs.mp3_invalid"},
      {"rate 3", "fffb5c64", "codecs.mp3_invalid"},
  };
  for (const auto& c : cases) {
    const auto configuration = parse_mp3_header(from_hex(c.header));
    ASSERT_FALSE(configuration) << c.name;
    EXPECT_EQ(configuration.error().code, c.code) << c.name;
  }
}

}  // namespace
}  // namespace millrace::codecs
