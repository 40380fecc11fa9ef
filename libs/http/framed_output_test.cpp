#include "http/framed_output.hpp"

#include <gtest/gtest.h>

#include <cerrno>
#include <string>
#include <vector>

namespace millrace::http {
namespace {

// A socket that takes so many bytes at a time.
class Narrow final : public LiveOutput {
 public:
  explicit Narrow(std::size_t width) : width_(width) {}
  ssize_t send(std::span<const iovec> parts) override {
    std::size_t room = width_;
    for (const iovec& part : parts) {
      const std::size_t size = std::min(room, part.iov_len);
      wire.append(static_cast<const char*>(part.iov_base), size);
      room -= size;
    }
    return static_cast<ssize_t>(width_ - room);
  }
  std::string wire;

 private:
  std::size_t width_;
};

// Sends a text in parts of so many bytes, each time from where it was taken.
void send_all(ChunkedOutput& output, std::string text, std::size_t part_size) {
  std::size_t taken = 0;
  for (int turn = 0; taken < text.size() && turn < 1000; ++turn) {
    std::vector<iovec> parts;
    for (std::size_t at = taken; at < text.size(); at += part_size) {
      parts.push_back({text.data() + at, std::min(part_size, text.size() - at)});
    }
    const ssize_t sent = output.send(parts);
    ASSERT_GE(sent, 0);
    taken += static_cast<std::size_t>(sent);
  }
  ASSERT_EQ(taken, text.size());
}

TEST(ChunkedOutput, SendsAChunkWithItsLineEndBeforeTheNextOneIsKnown) {
  for (std::size_t width = 1; width < 40; ++width) {
    for (std::size_t part_size : {1, 3, 100}) {
      SCOPED_TRACE(std::to_string(width) + " bytes at a time, parts of " + std::to_string(part_size));
      Narrow socket(width);
      ChunkedOutput output;
      output.bind(socket);
      send_all(output, "seventeen letters", part_size);
      EXPECT_EQ(socket.wire, "11\r\nseventeen letters\r\n");
      EXPECT_FALSE(output.in_frame());
      send_all(output, "x", part_size);
      EXPECT_EQ(socket.wire, "11\r\nseventeen letters\r\n1\r\nx\r\n");
      EXPECT_EQ(output.finish(), LiveStream::Progress::kEnded);
      EXPECT_EQ(socket.wire, "11\r\nseventeen letters\r\n1\r\nx\r\n0\r\n\r\n");
    }
  }
}

TEST(ChunkedOutput, EndsWithoutAnyChunk) {
  Narrow socket(3);
  ChunkedOutput output;
  output.bind(socket);
  EXPECT_EQ(output.finish(), LiveStream::Progress::kEnded);
  EXPECT_EQ(socket.wire, "0\r\n\r\n");
}

TEST(ChunkedOutput, HasNoEndInsideAChunk) {
  Narrow socket(8);
  ChunkedOutput output;
  output.bind(socket);
  std::string text = "seventeen letters";
  const iovec part{text.data(), text.size()};
  EXPECT_EQ(output.send({&part, 1}), 4);
  EXPECT_TRUE(output.in_frame());
  EXPECT_EQ(output.finish(), LiveStream::Progress::kFailed);
}

}  // namespace
}  // namespace millrace::http
