#include "rtmp/message_chunks.hpp"

#include <gtest/gtest.h>

#include <vector>

#include "rtmp/chunk_writer.hpp"
#include "rtmp/limits.hpp"
#include "rtmp/media_message.hpp"

namespace millrace::rtmp {
namespace {

Bytes body_of_size(std::size_t size) {
  Bytes body(size);
  for (std::size_t i = 0; i < size; ++i) body[i] = static_cast<std::uint8_t>(i * 7 + i / 256);
  return body;
}

Bytes one_chunk(std::uint32_t timestamp, ByteView body) {
  ByteWriter out;
  append_message({kVideoChunkStream, MessageType::kVideo, timestamp, 0, 1}, body, kPlayerChunkSize, out);
  return out.take();
}

Bytes joined(const MessageChunks& chunks, std::size_t offset, std::size_t parts_at_a_time) {
  Bytes all;
  std::vector<ByteView> parts(parts_at_a_time);
  while (offset < chunks.wire_size()) {
    const std::size_t count = chunks.cut(offset, parts);
    if (count == 0) break;
    for (std::size_t i = 0; i < count; ++i) {
      EXPECT_FALSE(parts[i].empty());
      all.insert(all.end(), parts[i].begin(), parts[i].end());
      offset += parts[i].size();
    }
  }
  return all;
}

// The same bytes as the writer that copies.
TEST(MessageChunks, GivesTheBytesOfTheChunkWriter) {
  for (const std::uint32_t timestamp : {0U, 0xFFFFFEU, 0xFFFFFFU, 0x1000000U, 0xFFFFFFFFU}) {
    for (const std::uint32_t chunk_size : {128U, 129U, 4096U, 65'536U}) {
      for (const std::size_t size : {1U, 127U, 128U, 129U, 256U, 257U, 4096U, 5000U, 70'000U}) {
        SCOPED_TRACE(std::to_string(timestamp) + " " + std::to_string(chunk_size) + " " +
                     std::to_string(size));
        const Bytes body = body_of_size(size);
        ByteWriter expected;
        append_message({kVideoChunkStream, MessageType::kVideo, timestamp, 0, 1}, body, chunk_size, expected);
        const Bytes message = one_chunk(timestamp, body);
        const MessageChunks chunks(message, chunk_size);
        EXPECT_EQ(chunks.wire_size(), expected.view().size());
        EXPECT_EQ(joined(chunks, 0, 64), expected.take());
      }
    }
  }
}

TEST(MessageChunks, GoesOnAtEveryOffsetWithAnyNumberOfParts) {
  const Bytes message = one_chunk(0x01020304, body_of_size(700));
  const MessageChunks chunks(message, 128);
  const Bytes whole = joined(chunks, 0, 1);
  ASSERT_EQ(whole.size(), chunks.wire_size());
  for (std::size_t offset = 0; offset < whole.size(); ++offset) {
    for (const std::size_t parts : {1U, 2U, 3U, 50U}) {
      const Bytes rest = joined(chunks, offset, parts);
      ASSERT_TRUE(std::equal(rest.begin(), rest.end(), whole.begin() + static_cast<std::ptrdiff_t>(offset),
                             whole.end()))
          << offset << " " << parts;
    }
  }
  std::vector<ByteView> parts(4);
  EXPECT_EQ(chunks.cut(whole.size(), parts), 0U);
  EXPECT_EQ(chunks.cut(whole.size() + 1000, parts), 0U);
}

TEST(MessageChunks, PointsIntoTheMessage) {
  const Bytes message = one_chunk(5, body_of_size(300));
  const MessageChunks chunks(message, 128);
  std::vector<ByteView> parts(8);
  ASSERT_EQ(chunks.cut(0, parts), 5U);
  EXPECT_EQ(parts[0].data(), message.data());
  EXPECT_EQ(parts[2].data(), message.data() + 12 + 128);
  EXPECT_EQ(parts[4].data(), message.data() + 12 + 256);
}

TEST(MessageChunks, TakesMessagesThatAreCutOff) {
  const Bytes message = one_chunk(0xFFFFFF, body_of_size(10));
  for (std::size_t size = 0; size < message.size(); ++size) {
    const MessageChunks chunks(ByteView(message).first(size), 128);
    EXPECT_EQ(joined(chunks, 0, 3).size(), size);
  }
}

}  // namespace
}  // namespace millrace::rtmp
