#include <gtest/gtest.h>

#include "codecs/av1.hpp"
#include "codecs/captions.hpp"
#include "codecs/test_support.hpp"

namespace millrace::codecs {
namespace {

// BT.2020's primaries, D65, 1000 and 0.1 cd/m2, as AV1 6.7.4 has fractions.
const char* const kMastering = "02b53f4ac02b85cc082189 0bc7500d5439 0003e800 00000666";
const char* const kLight = "0103e80190";
const char* const kCaptions = "04b50031474139340341fffc9420";

Bytes payload_of(std::string text) {
  std::erase(text, ' ');
  return from_hex(text);
}

TEST(Av1Metadata, IsInTheUnitsOfOthers) {
  Av1Metadata metadata;
  ByteWriter mastering;
  mastering.u8(2);
  for (const unsigned value : {46399U, 19136U, 11141U, 52232U, 8585U, 3015U, 20493U, 21561U})
    mastering.u16(static_cast<std::uint16_t>(value));
  mastering.u32(1000U << 8);
  mastering.u32(1638);
  read_av1_metadata(mastering.view(), metadata);
  read_av1_metadata(payload_of(kLight), metadata);
  ASSERT_TRUE(metadata.hdr.mastering);
  const MasteringDisplay& display = *metadata.hdr.mastering;
  EXPECT_EQ(display.chromaticity,
            (std::array<std::uint16_t, 8>{8500, 39850, 6550, 2300, 35400, 14600, 15635, 16450}));
  EXPECT_EQ(display.max_luminance, 10'000'000U);
  EXPECT_EQ(display.min_luminance, 1000U);
  EXPECT_EQ(metadata.hdr.light, (ContentLight{1000, 400}));
}

TEST(Av1Metadata, CarriesCaptions) {
  Av1Metadata metadata;
  read_av1_metadata(payload_of(kCaptions), metadata);
  EXPECT_EQ(metadata.captions, kCaptionsCc1);
}

TEST(Av1Metadata, IsFoundInATemporalUnit) {
  const auto unit = inspect_temporal_unit(from_hex("12002a05" + std::string(kLight)));
  ASSERT_TRUE(unit);
  EXPECT_EQ(unit->metadata.hdr.light, (ContentLight{1000, 400}));
}

TEST(Av1Metadata, OfOtherKindsIsPassedOver) {
  for (const char* const payload : {"", "00", "0300", "05ffff", "ffffffffffffffffff", "80"}) {
    Av1Metadata metadata;
    read_av1_metadata(from_hex(payload), metadata);
    EXPECT_TRUE(metadata.hdr.empty() && metadata.captions == 0) << payload;
  }
}

TEST(Av1Metadata, SurvivesEveryPrefix) {
  for (const char* const whole : {kMastering, kLight, kCaptions}) {
    for_each_prefix(payload_of(whole), [](const Bytes& prefix) {
      Av1Metadata metadata;
      read_av1_metadata(prefix, metadata);
      EXPECT_TRUE(metadata.hdr.empty());
    });
  }
}

}  // namespace
}  // namespace millrace::codecs
