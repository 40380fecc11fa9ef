#include "codecs/adts.hpp"

#include <gtest/gtest.h>

#include "codecs/test_support.hpp"

namespace millrace::codecs {
namespace {

TEST(Adts, TakesFramesOff) {
  // AAC-LC, 48 kHz, stereo; the second with a checksum.
  const Bytes frames = from_hex("fff14c80017ffc21100460fff04c8001bffcabcd21100460");
  ByteView rest = frames;
  const auto first = next_adts_frame(rest);
  ASSERT_TRUE(first);
  EXPECT_EQ(first->audio_specific_config, (std::array<std::uint8_t, 2>{0x11, 0x90}));
  EXPECT_EQ(Bytes(first->raw.begin(), first->raw.end()), from_hex("21100460"));
  const auto second = next_adts_frame(rest);
  ASSERT_TRUE(second);
  EXPECT_EQ(Bytes(second->raw.begin(), second->raw.end()), from_hex("21100460"));
  EXPECT_TRUE(rest.empty());
  EXPECT_FALSE(next_adts_frame(rest));
}

TEST(Adts, LeavesWhatIsNoWholeFrame) {
  const struct {
    const char* name;
    const char* bytes;
  } cases[] = {
      {"a raw frame", "21100460"},
      {"MP3", "fffb9464000001ee"},
      {"cut off", "fff14c80017ffc211004"},
      {"two raw data blocks", "fff14c80017ffd21100460"},
      {"a header alone", "fff14c8000fffc"},
      {"a size below the header's", "fff14c80001ffc21100460"},
      {"nothing", ""},
  };
  for (const auto& c : cases) {
    const Bytes bytes = from_hex(c.bytes);
    ByteView rest = bytes;
    EXPECT_FALSE(next_adts_frame(rest)) << c.name;
    EXPECT_EQ(rest.size(), bytes.size()) << c.name;
  }
}

TEST(Adts, SurvivesEveryPrefix) {
  for_each_prefix(from_hex("fff14c80017ffc21100460"), [](const Bytes& prefix) {
    ByteView rest = prefix;
    EXPECT_FALSE(next_adts_frame(rest));
    (void)begins_with_adts(prefix);
  });
}

}  // namespace
}  // namespace millrace::codecs
