#include "base/bits.hpp"

#include <gtest/gtest.h>

namespace millrace {
namespace {

// ITU-T H.264 table 9-2: 1 → 0, 010 → 1, 011 → 2, 00100 → 3, 00101 → 4.
TEST(BitReader, ReadsExpGolombCodes) {
  const Bytes bytes = {0b1'010'011'0, 0b0100'0010, 0b1'0000000};
  BitReader unsigned_reader(bytes);
  for (std::uint32_t expected = 0; expected <= 4; ++expected) EXPECT_EQ(unsigned_reader.ue(), expected);
  EXPECT_TRUE(unsigned_reader.ok());

  BitReader signed_reader(bytes);
  for (const std::int32_t expected : {0, 1, -1, 2, -2}) EXPECT_EQ(signed_reader.se(), expected);
}

TEST(BitReader, ReadsAnyWidthAtAnyPlace) {
  const Bytes bytes = {0x9A, 0x01, 0xFF, 0x5C, 0xE7, 0x38, 0x00, 0xC3, 0x6D};
  for (unsigned skipped = 0; skipped < 40; ++skipped) {
    for (unsigned width = 0; width <= 32; ++width) {
      BitReader one_by_one(bytes);
      one_by_one.skip(skipped);
      std::uint32_t expected = 0;
      for (unsigned i = 0; i < width; ++i) expected = expected << 1 | (one_by_one.bit() ? 1U : 0U);
      BitReader at_once(bytes);
      at_once.skip(skipped);
      EXPECT_EQ(at_once.bits(width), expected) << skipped << ", " << width;
      EXPECT_EQ(at_once.remaining(), one_by_one.remaining());
    }
  }
}

TEST(BitReader, FailsOnTruncationAndOverlongCodes) {
  const Bytes zeros(8, 0);
  BitReader reader(zeros);
  EXPECT_EQ(reader.ue(), 0U);
  EXPECT_FALSE(reader.ok());

  BitReader short_reader(ByteView(zeros).first(1));
  EXPECT_EQ(short_reader.bits(9), 0U);
  EXPECT_FALSE(short_reader.ok());
}

}  // namespace
}  // namespace millrace
