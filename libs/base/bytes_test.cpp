#include "base/bytes.hpp"

#include <gtest/gtest.h>

namespace millrace {
namespace {

TEST(ByteReader, ReadsFieldsInBigEndianOrder) {
  const Bytes bytes = {
      0x01,                                            // u8
      0x02, 0x03,                                      // u16
      0x04, 0x05, 0x06,                                // u24
      0xFF, 0xFF, 0xFE,                                // i24: -2
      0x07, 0x08, 0x09, 0x0A,                          // u32
      0x01, 0x00, 0x00, 0x00,                          // u32 little endian
      0x40, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,  // f64: 3.0
  };
  ByteReader reader(bytes);
  EXPECT_EQ(reader.u8(), 0x01);
  EXPECT_EQ(reader.u16(), 0x0203);
  EXPECT_EQ(reader.u24(), 0x040506U);
  EXPECT_EQ(reader.i24(), -2);
  EXPECT_EQ(reader.u32(), 0x0708090AU);
  EXPECT_EQ(reader.u32_le(), 1U);
  EXPECT_EQ(reader.f64(), 3.0);
  EXPECT_TRUE(reader.ok());
  EXPECT_TRUE(reader.empty());
}

TEST(ByteReader, StaysFailedAfterReadingBeyondTheEnd) {
  const Bytes bytes = {1, 2, 3};
  ByteReader reader(bytes);
  EXPECT_EQ(reader.u32(), 0U);
  EXPECT_FALSE(reader.ok());
  EXPECT_TRUE(reader.empty());
  EXPECT_EQ(reader.u8(), 0);
  EXPECT_FALSE(reader.ok());
}

TEST(ByteWriter, WritesWhatByteReaderReads) {
  ByteWriter writer;
  writer.u8(1);
  writer.u16(2);
  writer.u24(3);
  writer.i24(-4);
  writer.u32(5);
  writer.u32_le(6);
  writer.u64(7);
  writer.f64(-8.5);
  writer.text("nine");
  writer.patch_u32(9, 55);
  const Bytes bytes = writer.take();
  ByteReader reader(bytes);
  EXPECT_EQ(reader.u8(), 1);
  EXPECT_EQ(reader.u16(), 2);
  EXPECT_EQ(reader.u24(), 3U);
  EXPECT_EQ(reader.i24(), -4);
  EXPECT_EQ(reader.u32(), 55U);
  EXPECT_EQ(reader.u32_le(), 6U);
  EXPECT_EQ(reader.u64(), 7U);
  EXPECT_EQ(reader.f64(), -8.5);
  EXPECT_EQ(as_text(reader.take(4)), "nine");
  EXPECT_TRUE(reader.ok());
}

}  // namespace
}  // namespace millrace
