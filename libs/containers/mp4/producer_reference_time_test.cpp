#include "containers/mp4/producer_reference_time.hpp"

#include <gtest/gtest.h>

namespace millrace::mp4 {
namespace {

TEST(ProducerReferenceTime, IsTheBoxOfTheSpecification) {
  ByteWriter writer;
  write_producer_reference_time(writer, {2, WallTime::from_us(1'500'000), 90'000});
  const Bytes expected = {0,    0,    0,    32,   'p',  'r', 'f', 't', 1, 0, 0, 0, 0, 0,    0,    2,
                          0x83, 0xAA, 0x7E, 0x81, 0x80, 0,   0,   0,   0, 0, 0, 0, 0, 0x01, 0x5F, 0x90};
  EXPECT_EQ(writer.take(), expected);
}

TEST(ProducerReferenceTime, IsReadAsItWasWritten) {
  for (const std::int64_t us :
       {std::int64_t{0}, std::int64_t{999'999}, std::int64_t{1'800'000'000'123'456}}) {
    ByteWriter writer;
    const ProducerReferenceTime written{1, WallTime::from_us(us), 1ULL << 40};
    write_producer_reference_time(writer, written);
    const Bytes box = writer.take();
    const auto read = read_producer_reference_time(ByteView(box).subspan(8));
    ASSERT_TRUE(read);
    EXPECT_EQ(read->track_id, 1U);
    EXPECT_EQ(read->media_time, 1ULL << 40);
    EXPECT_LE(written.wall - read->wall, 1);
    EXPECT_GE(written.wall - read->wall, 0);
    EXPECT_FALSE(read_producer_reference_time(ByteView(box).subspan(8, 23)));
  }
  EXPECT_FALSE(read_producer_reference_time(Bytes(24, 0)));
}

}  // namespace
}  // namespace millrace::mp4
