#include "forward/forward_feed.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

#include "enhanced_samples.hpp"
#include "media_samples.hpp"
#include "publish/publication.hpp"
#include "rtmp/chunk_reader.hpp"

namespace millrace::ingest {
namespace {

using rtmp::MessageType;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr WallTime kWall = WallTime::from_us(1'700'000'000'000'000);
constexpr std::uint32_t kChunkSize = 200;

// A publication of its own log.
struct Source {
  Source(media::ArenaWriter& arena, std::uint64_t number, bool configured = true,
         std::uint64_t first_sequence = 0)
      : id(number) {
    media::LogDescription description;
    description.stream_id = "stream";
    description.publication_id = PublicationId{number};
    description.epoch = Epoch{number};
    description.first_sequence = first_sequence;
    description.retention.guaranteed_bytes = 2U << 20;
    description.retention.max_bytes = 2U << 20;
    auto log = arena.create_log(description);
    publication.emplace(std::move(*log), media::TimelineConfig{}, std::make_shared<PublicationCounters>());
    if (!configured) return;
    send(MessageType::kVideo, 0, testing::avc_header());
    send(MessageType::kAudio, 0, testing::aac_header());
  }
  void send(MessageType type, std::uint32_t timestamp, const Bytes& body) {
    ASSERT_TRUE(publication->begin({4, type, timestamp, static_cast<std::uint32_t>(body.size()), 1}));
    publication->append(4, body);
    ASSERT_TRUE(publication->end(4, {timestamp * 1000LL, kWall + timestamp * 1000LL}));
  }
  void video(bool key, std::uint32_t timestamp, std::size_t size = 32) {
    send(MessageType::kVideo, timestamp, testing::video_frame(key, timestamp, size));
  }

  std::uint64_t id;
  std::optional<Publication> publication;
};

// What the server makes of it: "v 40 sps", "v 40 49 bytes", "a …", "d …".
class Server : public rtmp::ChunkSink {
 public:
  Server() : reader_(rtmp::SessionLimits{}) { (void)reader_.set_chunk_size(kChunkSize); }
  void receive(ByteView bytes) {
    const auto received = reader_.receive(bytes, {}, *this);
    if (!received) messages.push_back(std::string(received.error().code));
  }
  Result<void> message_begin(std::size_t slot, const rtmp::MessageHeader& header) override {
    open_[slot] = {header, {}};
    return {};
  }
  Result<void> message_bytes(std::size_t slot, ByteView bytes) override {
    Bytes& body = open_[slot].second;
    body.insert(body.end(), bytes.begin(), bytes.end());
    return {};
  }
  Result<void> message_end(std::size_t slot) override {
    const auto& [header, body] = open_[slot];
    stream_ids.push_back(header.message_stream_id);
    const bool legacy = header.type != MessageType::kData && body.size() > 1 &&
                        (header.type == MessageType::kAudio ? body[0] >> 4 == 10 : body[0] < 0x80);
    const bool header_only = legacy && body[1] == 0;
    const char* kind = header.type == MessageType::kVideo   ? "v "
                       : header.type == MessageType::kAudio ? "a "
                                                            : "d ";
    messages.push_back(kind + std::to_string(header.timestamp_ms) +
                       (header_only ? " configuration" : " " + std::to_string(body.size())));
    last = body;
    return {};
  }
  std::vector<std::string> take() { return std::exchange(messages, {}); }

  std::vector<std::string> messages;
  std::vector<std::uint32_t> stream_ids;
  Bytes last;

 private:
  rtmp::ChunkReader reader_;
  std::map<std::size_t, std::pair<rtmp::MessageHeader, Bytes>> open_;
};

class ForwardFeedTest : public ::testing::Test {
 protected:
  ForwardFeedTest() {
    std::string path = "/tmp/millrace-forward-XXXXXX";
    directory_ = ::mkdtemp(path.data());
    arena_ = std::move(*media::ArenaWriter::open({directory_, "ingest", 16U << 20, 256U << 10, 16}));
    reader_ = std::move(*media::ArenaReader::open(directory_, "ingest", "test"));
  }
  ~ForwardFeedTest() override {
    reader_.reset();
    arena_.reset();
    std::filesystem::remove_all(directory_);
  }
  void attach(ForwardFeed& feed, const Source& source, std::int64_t now_us = 0) {
    feed.attach(std::move(*reader_->open_log(source.publication->slot(), PublicationId{source.id}, 0)),
                now_us);
  }
  // Sends all there is, in pieces of at most that many bytes; what next() said last.
  static ForwardFeed::Next pump(ForwardFeed& feed, const Source& source, Server& server,
                                std::size_t piece = SIZE_MAX, std::int64_t now_us = 0) {
    while (true) {
      const ForwardFeed::Next next = feed.next(source.publication->committed());
      if (next == ForwardFeed::Next::kOwn) {
        server.receive(feed.own());
        feed.own_taken();
      } else if (next == ForwardFeed::Next::kMessages) {
        Bytes bytes;
        for (const iovec& part : feed.parts()) {
          const auto* begin = static_cast<const std::uint8_t*>(part.iov_base);
          bytes.insert(bytes.end(), begin, begin + part.iov_len);
        }
        EXPECT_EQ(bytes.size(), feed.run_bytes());
        bytes.resize(std::min(piece, bytes.size()));
        server.receive(bytes);
        EXPECT_TRUE(feed.sent(bytes.size(), now_us));
      } else {
        return next;
      }
    }
  }

  std::string directory_;
  std::unique_ptr<media::ArenaWriter> arena_;
  std::unique_ptr<media::ArenaReader> reader_;
  Server server_;
};

TEST_F(ForwardFeedTest, StartsAtTheNewestKeyFrameWithMetadataAndConfigurations) {
  Source source(*arena_, 1);
  source.send(MessageType::kData, 0, testing::data_message("onMetaData", true));
  source.video(true, 0);
  source.video(false, 40);
  source.video(true, 80);
  source.send(MessageType::kAudio, 90, testing::audio_frame(1));
  ForwardFeed feed(1, kChunkSize, false);
  attach(feed, source);
  EXPECT_EQ(pump(feed, source, server_), ForwardFeed::Next::kNothing);
  const std::size_t metadata = testing::data_message("onMetaData", true).size();
  EXPECT_THAT(server_.take(), ElementsAre("d 0 " + std::to_string(metadata), "v 80 configuration",
                                          "a 80 configuration", "v 80 41", "a 90 6"));
  source.video(false, 120);
  EXPECT_EQ(pump(feed, source, server_), ForwardFeed::Next::kNothing);
  EXPECT_THAT(server_.take(), ElementsAre("v 120 41"));
}

TEST_F(ForwardFeedTest, WaitsForTheFirstKeyFrame) {
  Source source(*arena_, 1);
  source.video(false, 0);
  ForwardFeed feed(1, kChunkSize, false);
  attach(feed, source);
  EXPECT_EQ(pump(feed, source, server_), ForwardFeed::Next::kNothing);
  EXPECT_THAT(server_.take(), IsEmpty());
  source.video(true, 40);
  EXPECT_EQ(pump(feed, source, server_), ForwardFeed::Next::kNothing);
  EXPECT_EQ(server_.take().back(), "v 40 41");
}

// Every way to cut what is sent, with and without headers of our own, around the extended timestamp.
TEST_F(ForwardFeedTest, SendsTheSameMessagesHoweverTheyAreCut) {
  for (const std::uint32_t first : {0U, 0xFFFFFFU - 60}) {
    for (const std::uint32_t stream_id : {1U, 5U}) {
      for (const std::size_t piece : {1U, 2U, 3U, 13U, 199U, 200U, 201U, 500U, 100'000U}) {
        SCOPED_TRACE(std::to_string(first) + " " + std::to_string(stream_id) + " " + std::to_string(piece));
        Source source(*arena_, 1 + first + stream_id * 1'000'000 + piece);
        for (std::uint32_t i = 0; i < 5; ++i) source.video(i == 0, first + i * 40, 50 + i * 170);
        Server server;
        ForwardFeed feed(stream_id, kChunkSize, false);
        attach(feed, source);
        EXPECT_EQ(pump(feed, source, server, piece), ForwardFeed::Next::kNothing);
        const auto time = [&](std::uint32_t i) { return std::to_string(first + i * 40); };
        EXPECT_THAT(server.messages,
                    ElementsAre("v " + time(0) + " configuration", "a " + time(0) + " configuration",
                                "v " + time(0) + " 59", "v " + time(1) + " 229", "v " + time(2) + " 399",
                                "v " + time(3) + " 569", "v " + time(4) + " 739"));
        EXPECT_THAT(server.stream_ids, ::testing::Each(stream_id));
        EXPECT_EQ(server.last, testing::video_frame(false, first + 160, 50 + 4 * 170));
      }
    }
  }
}

TEST_F(ForwardFeedTest, GoesOnInTimeWithTheNextPublication) {
  Source first(*arena_, 1);
  first.video(true, 5'000);
  ForwardFeed feed(1, kChunkSize, false);
  attach(feed, first, 0);
  pump(feed, first, server_, SIZE_MAX, 1'000'000);
  first.publication->finish(media::LogEnd::kDisconnected);
  EXPECT_EQ(feed.end(), media::LogEnd::kDisconnected);
  server_.take();
  Source second(*arena_, 2);
  second.video(true, 0);
  second.video(false, 40);
  attach(feed, second, 3'500'000);  // 2.5 s after the last frame
  pump(feed, second, server_, SIZE_MAX, 3'600'000);
  EXPECT_THAT(server_.take(),
              ElementsAre("v 7500 configuration", "a 7500 configuration", "v 7500 41", "v 7540 41"));
}

TEST_F(ForwardFeedTest, SendsAChangedConfigurationBeforeItsFirstFrame) {
  Source source(*arena_, 1);
  source.video(true, 0);
  source.send(MessageType::kVideo, 40, testing::avc_header(0x21));
  source.video(true, 40);
  source.video(false, 80);
  ForwardFeed feed(1, kChunkSize, false);
  attach(feed, source);
  // From the front: the newest key frame has the new configuration already.
  pump(feed, source, server_);
  EXPECT_THAT(server_.take(), ElementsAre("v 40 configuration", "a 40 configuration", "v 40 41", "v 80 41"));
  source.send(MessageType::kVideo, 120, testing::avc_header(0x22));
  source.video(true, 120);
  pump(feed, source, server_);
  EXPECT_THAT(server_.take(), ElementsAre("v 120 configuration", "v 120 41"));
}

// Sound that went to another configuration and back, and is silent since.
TEST_F(ForwardFeedTest, SendsTheConfigurationThatASilentTrackUsedLast) {
  Source source(*arena_, 1);
  const auto sound = [&](std::uint8_t configuration, std::uint32_t timestamp) {
    source.send(MessageType::kAudio, timestamp, testing::aac_header(configuration));
    source.send(MessageType::kAudio, timestamp, testing::audio_frame(timestamp));
  };
  source.video(true, 0);
  sound(0x90, 20);
  sound(0x88, 40);
  sound(0x90, 60);
  source.video(true, 80);
  ForwardFeed feed(1, kChunkSize, false);
  attach(feed, source);
  ASSERT_EQ(feed.next(source.publication->committed()), ForwardFeed::Next::kOwn);
  server_.receive(feed.own());
  EXPECT_THAT(server_.take(), ElementsAre("v 80 configuration", "a 80 configuration"));
  EXPECT_EQ(server_.last, testing::aac_header(0x90));
}

TEST_F(ForwardFeedTest, SkipsToTheNewestKeyFrame) {
  Source source(*arena_, 1);
  source.video(true, 0);
  ForwardFeed feed(1, kChunkSize, false);
  attach(feed, source);
  pump(feed, source, server_);
  server_.take();
  for (std::uint32_t i = 1; i <= 10; ++i) source.video(i == 8, i * 1000);
  EXPECT_TRUE(feed.slow(source.publication->committed(), 0));
  EXPECT_EQ(feed.skip(0), 7U);
  EXPECT_EQ(feed.skip(0), 0U) << "it is there";
  pump(feed, source, server_);
  EXPECT_THAT(server_.take(), ElementsAre("v 8000 41", "v 9000 41", "v 10000 41"));
  EXPECT_FALSE(feed.slow(source.publication->committed(), 0));
}

// A mirror's log has its origin's sequences. What was too slow in one publication has skipped nothing of the
// next.
TEST_F(ForwardFeedTest, FollowsALogThatBeganLate) {
  Source source(*arena_, 1, true, 1'000'000);
  source.video(true, 0);
  source.video(false, 40);
  ForwardFeed feed(1, kChunkSize, false);
  attach(feed, source);
  EXPECT_EQ(feed.skip(0), 0U);
  EXPECT_FALSE(feed.slow(source.publication->committed(), 0));
  EXPECT_EQ(pump(feed, source, server_), ForwardFeed::Next::kNothing);
  EXPECT_THAT(server_.take(), ElementsAre("v 0 configuration", "a 0 configuration", "v 0 41", "v 40 41"));
  for (std::uint32_t i = 1; i <= 10; ++i) source.video(i == 8, i * 1000);
  EXPECT_EQ(feed.skip(0), 7U);
  pump(feed, source, server_);
  EXPECT_THAT(server_.take(), ElementsAre("v 8000 41", "v 9000 41", "v 10000 41"));
}

TEST_F(ForwardFeedTest, TellsThatTheLogHasGoneOnWithoutIt) {
  Source source(*arena_, 1);
  source.video(true, 0, 1000);
  ForwardFeed feed(1, kChunkSize, false);
  attach(feed, source);
  pump(feed, source, server_, 1);
  server_.take();
  for (std::uint32_t i = 1; i <= 300; ++i) source.video(i % 20 == 0, i * 40, 20'000);
  ASSERT_EQ(feed.next(source.publication->committed()), ForwardFeed::Next::kLost);
  EXPECT_TRUE(feed.slow(source.publication->committed(), 0));
  EXPECT_GT(feed.skip(0), 0U);
  EXPECT_EQ(pump(feed, source, server_), ForwardFeed::Next::kNothing);
  EXPECT_EQ(server_.messages.back(), "v 12000 20009");
}

// Enhanced RTMP goes on as it came; a codec without a sequence header is sent none.
TEST_F(ForwardFeedTest, SendsEnhancedCodecsAsTheyCame) {
  const testing::CodecSample hevc = testing::codec_sample(media::Codec::kH265);
  const testing::CodecSample ac3 = testing::codec_sample(media::Codec::kAc3);
  Source source(*arena_, 1, false);
  source.send(MessageType::kVideo, 0, testing::start_of(hevc));
  source.send(MessageType::kVideo, 40, testing::frame_of(hevc));
  source.send(MessageType::kAudio, 50, testing::frame_of(ac3));
  ForwardFeed feed(1, kChunkSize, false);
  attach(feed, source);
  EXPECT_EQ(pump(feed, source, server_), ForwardFeed::Next::kNothing);
  const auto size = [](const Bytes& body) { return std::to_string(body.size()); };
  EXPECT_THAT(server_.take(),
              ElementsAre("v 40 " + size(testing::start_of(hevc)), "v 40 " + size(testing::frame_of(hevc)),
                          "a 50 " + size(testing::frame_of(ac3))));
  EXPECT_EQ(server_.last, testing::frame_of(ac3));
}

TEST_F(ForwardFeedTest, SendsFurtherTracksOnlyToServersThatTakeThem) {
  const testing::CodecSample opus = testing::codec_sample(media::Codec::kOpus);
  const Bytes second_start = testing::one_track(opus, 1, rtmp::PacketKind::kSequenceStart, opus.header);
  const Bytes second = testing::one_track(opus, 1, rtmp::PacketKind::kCodedFrames, opus.frame);
  for (const bool multitrack : {false, true}) {
    SCOPED_TRACE(multitrack);
    Source source(*arena_, multitrack ? 2 : 1);
    source.send(MessageType::kAudio, 0, second_start);
    source.video(true, 0);
    source.send(MessageType::kAudio, 10, second);
    source.send(MessageType::kAudio, 20, second);
    source.video(false, 40);
    source.send(MessageType::kAudio, 50, second);
    Server server;
    ForwardFeed feed(1, kChunkSize, multitrack);
    attach(feed, source);
    EXPECT_EQ(pump(feed, source, server, 5), ForwardFeed::Next::kNothing);
    const std::string audio = " " + std::to_string(second.size());
    if (multitrack) {
      EXPECT_THAT(server.messages, ElementsAre("v 0 configuration", "a 0 configuration",
                                               "a 0 " + std::to_string(second_start.size()), "v 0 41",
                                               "a 10" + audio, "a 20" + audio, "v 40 41", "a 50" + audio));
    } else {
      EXPECT_THAT(server.messages,
                  ElementsAre("v 0 configuration", "a 0 configuration", "v 0 41", "v 40 41"));
    }
    EXPECT_FALSE(feed.slow(source.publication->committed(), 0));
  }
}

TEST_F(ForwardFeedTest, SendsMetadataFramesAsVideo) {
  const testing::CodecSample hevc = testing::codec_sample(media::Codec::kH265);
  ByteWriter info;
  rtmp::amf0::serialize("colorInfo", info);
  rtmp::amf0::serialize(rtmp::amf0::Object{rtmp::amf0::Object::Kind::kAnonymous, {}, {{"maxFall", 400.0}}},
                        info);
  const Bytes metadata = testing::enhanced(hevc, rtmp::PacketKind::kMetadata, info.take(), false);
  Source source(*arena_, 1, false);
  source.send(MessageType::kVideo, 0, testing::start_of(hevc));
  source.send(MessageType::kVideo, 0, metadata);
  source.send(MessageType::kVideo, 40, testing::frame_of(hevc));
  ForwardFeed feed(1, kChunkSize, false);
  attach(feed, source);
  pump(feed, source, server_);
  EXPECT_THAT(server_.take(), ::testing::Contains("v 40 " + std::to_string(metadata.size())));
}

}  // namespace
}  // namespace millrace::ingest
