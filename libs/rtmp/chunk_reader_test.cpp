#include "rtmp/chunk_reader.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <random>

#include "rtmp/chunk_writer.hpp"
#include "rtmp/client_bytes.hpp"

namespace millrace::rtmp {
namespace {

using testing::message;
using testing::operator+;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

struct Message {
  MessageHeader header;
  Bytes body;
};

std::string text(const Message& message) {
  return std::to_string(message.header.chunk_stream_id) + ": type " +
         std::to_string(static_cast<int>(message.header.type)) + " time " +
         std::to_string(message.header.timestamp_ms) + " stream " +
         std::to_string(message.header.message_stream_id) + " size " + std::to_string(message.body.size());
}

// Collects whole messages; applies Set Chunk Size as a session does.
class Collector : public ChunkSink {
 public:
  explicit Collector(const SessionLimits& limits = {}) : limits_(limits), reader_(limits) {}

  Result<void> feed(ByteView bytes, std::size_t step = SIZE_MAX) {
    for (std::size_t at = 0; at < bytes.size(); at += std::min(step, bytes.size() - at)) {
      ByteView part = bytes.subspan(at, std::min(step, bytes.size() - at));
      auto result = reader_.receive(part, limits_, *this);
      if (!result) return result;
    }
    return {};
  }
  std::string code_of(ByteView bytes) {
    const auto result = feed(bytes);
    return result ? "" : std::string(result.error().code);
  }

  Result<void> message_begin(std::size_t slot, const MessageHeader& header) override {
    open_[slot] = {header, {}};
    return {};
  }
  Result<void> message_bytes(std::size_t slot, ByteView bytes) override {
    Bytes& body = open_[slot].body;
    body.insert(body.end(), bytes.begin(), bytes.end());
    return {};
  }
  Result<void> message_end(std::size_t slot) override {
    const Message& done = open_[slot];
    messages.push_back(done);
    texts.push_back(text(done));
    if (done.header.type == MessageType::kSetChunkSize)
      return reader_.set_chunk_size(ByteReader(done.body).u32());
    return {};
  }

  ChunkReader& reader() { return reader_; }

  std::vector<Message> messages;
  std::vector<std::string> texts;

 private:
  SessionLimits limits_;
  ChunkReader reader_;
  std::map<std::size_t, Message> open_;
};

Bytes numbered(std::size_t size) {
  Bytes bytes(size);
  for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<std::uint8_t>(i * 7 + 3);
  return bytes;
}

TEST(ChunkReader, ReadsAllFourHeaderTypes) {
  const Bytes bytes = {
      0x04, 0,   0, 100, 0,   0, 2, 8, 1,
      0,    0,   0, 'a', 'b',                // type 0: time 100, size 2, audio, message stream 1
      0x44, 0,   0, 20,  0,   0, 1, 9, 'c',  // type 1: 20 later, size 1, video
      0x84, 0,   0, 30,  'd',                // type 2: 30 later
      0xC4, 'e',                             // type 3: again 30 later
  };
  Collector collector;
  ASSERT_TRUE(collector.feed(bytes));
  EXPECT_THAT(collector.texts,
              ElementsAre("4: type 8 time 100 stream 1 size 2", "4: type 9 time 120 stream 1 size 1",
                          "4: type 9 time 150 stream 1 size 1", "4: type 9 time 180 stream 1 size 1"));
}

TEST(ChunkReader, RepeatsTheTimeOfATypeZeroHeaderAsTheStepOfATypeThree) {
  Collector collector;
  ASSERT_TRUE(collector.feed(Bytes{0x04, 0, 0, 23, 0, 0, 1, 8, 1, 0, 0, 0, 'a', 0xC4, 'b'}));
  EXPECT_THAT(collector.texts,
              ElementsAre("4: type 8 time 23 stream 1 size 1", "4: type 8 time 46 stream 1 size 1"));
}

TEST(ChunkReader, ReadsChunkStreamIdsOfOneTwoAndThreeBytes) {
  for (const std::uint32_t id : {2U, 3U, 63U, 64U, 319U, 320U, 65'599U}) {
    Collector collector;
    ASSERT_TRUE(collector.feed(message({id, MessageType::kAudio, 5, 0, 1}, numbered(300))));
    ASSERT_EQ(collector.messages.size(), 1U) << id;
    EXPECT_EQ(collector.messages[0].header.chunk_stream_id, id);
    EXPECT_EQ(collector.messages[0].body, numbered(300));
  }
}

TEST(ChunkReader, TakesTheTwoAndTheThreeByteFormOfAnIdAsOne) {
  Collector collector;
  ASSERT_TRUE(collector.feed(Bytes{0x00, 36, 0, 0, 1, 0, 0, 1, 8, 1, 0, 0, 0, 'a', 0xC1, 36, 0, 'b'}));
  EXPECT_THAT(collector.texts,
              ElementsAre("100: type 8 time 1 stream 1 size 1", "100: type 8 time 2 stream 1 size 1"));
}

TEST(ChunkReader, TakesTypeOneAsTheFirstHeaderOfAChunkStream) {
  Collector collector;  // librtmp's ping
  ASSERT_TRUE(collector.feed(Bytes{0x42, 0, 0, 0, 0, 0, 6, 4, 0, 6, 0, 0, 0, 1}));
  EXPECT_THAT(collector.texts, ElementsAre("2: type 4 time 0 stream 0 size 6"));
}

TEST(ChunkReader, RejectsTypesTwoAndThreeWithoutPredecessor) {
  EXPECT_EQ(Collector().code_of(Bytes{0x84, 0, 0, 0}), "rtmp.chunk_context");
  EXPECT_EQ(Collector().code_of(Bytes{0xC4}), "rtmp.chunk_context");
  EXPECT_EQ(Collector().code_of(Bytes{0xC1, 0xFF, 0xFF}), "rtmp.chunk_context");
}

struct ExtendedCase {
  const char* name;
  bool repeated;
  std::uint32_t time;
};

TEST(ChunkReader, ReadsExtendedTimestampsRepeatedOrNot) {
  const ExtendedCase cases[] = {
      {"repeated", true, 0x01020304}, {"not repeated", false, 0x01020304},
      {"smallest", true, 0xFFFFFF},   {"smallest, not repeated", false, 0xFFFFFF},
      {"largest", true, 0xFFFFFFFF},  {"largest, not repeated", false, 0xFFFFFFFF},
  };
  for (const ExtendedCase& each : cases) {
    const Bytes body = numbered(300);
    Bytes bytes = message({6, MessageType::kVideo, each.time, 0, 1}, body);
    if (!each.repeated) {
      bytes.erase(bytes.begin() + 16 + 128 + 1, bytes.begin() + 16 + 128 + 5);
      bytes.erase(bytes.begin() + 16 + 128 + 1 + 128 + 1, bytes.begin() + 16 + 128 + 1 + 128 + 5);
    }
    for (std::size_t step = 1; step < 8; ++step) {
      SCOPED_TRACE(std::string(each.name) + ", step " + std::to_string(step));
      Collector collector;
      ASSERT_TRUE(collector.feed(bytes + bytes, step));
      ASSERT_EQ(collector.messages.size(), 2U);
      EXPECT_EQ(collector.messages[1].header.timestamp_ms, each.time);
      EXPECT_EQ(collector.messages[1].body, body);
    }
  }
}

TEST(ChunkReader, IsNotFooledByPayloadThatBeginsLikeAMissingTimestamp) {
  // The second chunk's payload shares its first bytes with the timestamp 0x01020304, which is not repeated.
  for (std::size_t shared = 0; shared < 4; ++shared) {
    Bytes body = numbered(300);
    const Bytes stamp = {1, 2, 3, 4};
    std::copy_n(stamp.begin(), shared, body.begin() + 128);
    body[128 + shared] = 0xEE;
    Bytes bytes = message({6, MessageType::kVideo, 0x01020304, 0, 1}, body);
    bytes.erase(bytes.begin() + 16 + 128 + 1, bytes.begin() + 16 + 128 + 5);
    bytes.erase(bytes.begin() + 16 + 128 + 1 + 128 + 1, bytes.begin() + 16 + 128 + 1 + 128 + 5);
    for (std::size_t step = 1; step < 6; ++step) {
      Collector collector;
      ASSERT_TRUE(collector.feed(bytes, step));
      ASSERT_EQ(collector.messages.size(), 1U) << shared << " " << step;
      EXPECT_EQ(collector.messages[0].body, body) << shared << " " << step;
    }
  }
}

TEST(ChunkReader, TakesTheAbsoluteTimeAsARepeatedExtendedTimestampToo) {
  // A step of 0xFFFFFF or more; the continuation repeats the absolute time instead.
  const Bytes body = numbered(130);
  Bytes bytes = {0x06, 0,    0,    5,    0, 0, 1,   9, 1, 0, 0, 0, 'x',
                 0x46, 0xFF, 0xFF, 0xFF, 0, 0, 130, 9, 1, 0, 0, 0};
  bytes = bytes + Bytes(body.begin(), body.begin() + 128) + Bytes{0xC6, 1, 0, 0, 5} +
          Bytes(body.begin() + 128, body.end());
  Collector collector;
  ASSERT_TRUE(collector.feed(bytes));
  ASSERT_EQ(collector.messages.size(), 2U);
  EXPECT_EQ(collector.messages[1].header.timestamp_ms, 0x01000005U);
  EXPECT_EQ(collector.messages[1].body, body);
}

TEST(ChunkReader, AddsStepsModulo32Bits) {
  Collector collector;
  ASSERT_TRUE(collector.feed(message({4, MessageType::kAudio, 0xFFFFFFF0, 0, 1}, Bytes{1}) +
                             Bytes{0x84, 0, 0, 0x20, 2}));
  EXPECT_EQ(collector.messages.at(1).header.timestamp_ms, 0x10U);
}

TEST(ChunkReader, RefusesAHeaderThatChangesAMessageInItsMiddle) {
  const Bytes begun = {0x06, 0, 0, 5, 0, 1, 0, 9, 1, 0, 0, 0};
  const Bytes first = begun + Bytes(128);
  EXPECT_EQ(Collector().code_of(first + Bytes{0x46, 0, 0, 0, 0, 2, 0, 9}), "rtmp.message_changed")
      << "length";
  EXPECT_EQ(Collector().code_of(first + Bytes{0x46, 0, 0, 0, 0, 1, 0, 8}), "rtmp.message_changed") << "type";
  EXPECT_EQ(Collector().code_of(first + Bytes{0x06, 0, 0, 5, 0, 1, 0, 9, 2, 0, 0, 0}), "rtmp.message_changed")
      << "stream";
  Collector same;
  ASSERT_TRUE(same.feed(first + begun + Bytes(128)));
  EXPECT_THAT(same.texts, ElementsAre("6: type 9 time 5 stream 1 size 256"));
}

TEST(ChunkReader, CapsChunkStreams) {
  SessionLimits limits;
  limits.max_chunk_streams = 3;
  Collector collector(limits);
  for (std::uint32_t id = 10; id < 13; ++id) {
    ASSERT_TRUE(collector.feed(message({id, MessageType::kAudio, 0, 0, 1}, Bytes{1})));
  }
  EXPECT_EQ(collector.code_of(message({13, MessageType::kAudio, 0, 0, 1}, Bytes{1})), "rtmp.chunk_streams");
}

TEST(ChunkReader, BoundsTheChunkSize) {
  ChunkReader reader(SessionLimits{});
  EXPECT_FALSE(reader.set_chunk_size(0));
  EXPECT_FALSE(reader.set_chunk_size(0x80000000));
  EXPECT_FALSE(reader.set_chunk_size(0xFFFFFFFF));
  for (const std::uint32_t size : {1U, 127U, 65'536U, 0x7FFFFFFFU})
    EXPECT_TRUE(reader.set_chunk_size(size)) << size;
}

TEST(ChunkReader, ReadsEmptyMessages) {
  Collector collector;
  ASSERT_TRUE(collector.feed(message({4, MessageType::kAudio, 7, 0, 1}, {}) + Bytes{0xC4, 0xC4}));
  EXPECT_EQ(collector.messages.size(), 3U);
}

TEST(ChunkReader, StopsAFloodOfEmptyMessages) {
  Collector collector;
  EXPECT_EQ(collector.code_of(message({4, MessageType::kAudio, 7, 0, 1}, {}) + Bytes(1'000'000, 0xC4)),
            "rtmp.work");
}

TEST(ChunkReader, WaitsForMoreAtEveryPrefix) {
  const Bytes bytes = message({400, MessageType::kVideo, 0x01020304, 0, 1}, numbered(300));
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    Collector collector;
    ASSERT_TRUE(collector.feed(ByteView(bytes).first(size)));
    EXPECT_THAT(collector.texts, IsEmpty()) << size;
    ASSERT_TRUE(collector.feed(ByteView(bytes).subspan(size)));
    EXPECT_EQ(collector.texts.size(), 1U) << size;
  }
}

// The same messages, interleaved at random, in chunks of a size that changes, cut into reads at random:
// always the same messages per chunk stream.
class Interleaver {
 public:
  explicit Interleaver(unsigned seed) : random_(seed) {}

  Bytes write(const std::vector<std::vector<Message>>& streams) {
    struct Place {
      std::size_t message = 0;
      std::size_t byte = 0;
    };
    std::vector<Place> places(streams.size());
    Bytes out;
    for (std::size_t left = total(streams); left > 0;) {
      if (pick(40) == 0) out = out + change_chunk_size();
      const std::size_t which = pick(streams.size());
      Place& place = places[which];
      if (place.message == streams[which].size()) continue;
      const Message& next = streams[which][place.message];
      append_chunk(next, place.byte, out);
      place.byte += chunk_size_;
      if (place.byte < next.body.size()) continue;
      place = {place.message + 1, 0};
      --left;
    }
    return out;
  }
  std::size_t pick(std::size_t count) { return random_() % count; }

 private:
  static std::size_t total(const std::vector<std::vector<Message>>& streams) {
    std::size_t count = 0;
    for (const auto& stream : streams) count += stream.size();
    return count;
  }
  Bytes change_chunk_size() {
    Bytes change = testing::control(MessageType::kSetChunkSize, next_size_);
    // The message itself is written with the size in force; four bytes fit even the smallest we take here.
    chunk_size_ = next_size_;
    next_size_ = static_cast<std::uint32_t>(4 + pick(pick(2) == 0 ? 60 : 6'000));
    return change;
  }
  void append_chunk(const Message& whole, std::size_t at, Bytes& out) const {
    ByteWriter chunks;
    const std::size_t size = std::min<std::size_t>(chunk_size_, whole.body.size() - at);
    // A whole message whose first chunk is what we want, or a continuation made from the same writer.
    append_message(whole.header, whole.body, chunk_size_, chunks);
    const Bytes all = chunks.take();
    const bool extended = whole.header.timestamp_ms >= 0xFFFFFF;
    const std::size_t first_header = 12 + (extended ? 4 : 0);
    if (at == 0) {
      out.insert(out.end(), all.begin(), all.begin() + static_cast<std::ptrdiff_t>(first_header + size));
      return;
    }
    out.push_back(static_cast<std::uint8_t>(0xC0 | whole.header.chunk_stream_id));
    if (extended) out.insert(out.end(), all.begin() + 12, all.begin() + 16);
    out.insert(out.end(), whole.body.begin() + static_cast<std::ptrdiff_t>(at),
               whole.body.begin() + static_cast<std::ptrdiff_t>(at + size));
  }

  std::mt19937 random_;
  std::uint32_t chunk_size_ = ChunkReader::kDefaultChunkSize;
  std::uint32_t next_size_ = 7;
};

TEST(ChunkReader, GivesTheSameMessagesWhateverChunkSizesInterleavingAndCuts) {
  std::vector<std::vector<Message>> streams(3);
  for (std::uint32_t i = 0; i < 60; ++i) {
    const std::uint32_t which = i % 3;
    const std::uint32_t time = i * 400'000;  // crosses 0xFFFFFF
    const MessageHeader header{which + 4, which == 0 ? MessageType::kAudio : MessageType::kVideo, time, 0, 1};
    streams[which].push_back({header, numbered(1 + i * i % 3'000)});
  }
  for (unsigned seed = 0; seed < 40; ++seed) {
    SCOPED_TRACE(seed);
    Interleaver interleaver(seed);
    const Bytes bytes = interleaver.write(streams);
    Collector collector;
    for (ByteView rest = bytes; !rest.empty();) {
      const std::size_t step =
          std::min(rest.size(), 1 + interleaver.pick(interleaver.pick(2) == 0 ? 5 : 3'000));
      ASSERT_TRUE(collector.feed(rest.first(step)));
      rest = rest.subspan(step);
    }
    std::map<std::uint32_t, std::size_t> next;
    for (const Message& got : collector.messages) {
      if (got.header.type == MessageType::kSetChunkSize) continue;
      const std::uint32_t which = got.header.chunk_stream_id - 4;
      const Message& expected = streams.at(which).at(next[which]++);
      EXPECT_EQ(got.header.timestamp_ms, expected.header.timestamp_ms);
      EXPECT_EQ(got.body, expected.body);
    }
    for (std::uint32_t which = 0; which < 3; ++which) EXPECT_EQ(next[which], streams[which].size());
  }
}

}  // namespace
}  // namespace millrace::rtmp
