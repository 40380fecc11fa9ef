// A publisher, a viewer and what it is sent as FLV: what the tests of feed and delivery share.
#pragma once

#include <gtest/gtest.h>

#include <cerrno>
#include <thread>

#include "base/clock.hpp"
#include "flv_delivery.hpp"
#include "flv_feed.hpp"
#include "http/server.hpp"
#include "http/test_client.hpp"
#include "rtmp/media_message.hpp"
#include "test_publisher.hpp"

namespace millrace::packaging {

using Progress = http::LiveStream::Progress;
using rtmp::MessageType;

constexpr std::int64_t kSecond = 1'000'000;

// A log with messages as ingest writes them.
class FlvPublisher {
 public:
  FlvPublisher(media::ArenaWriter& arena, std::uint64_t publication_id, std::uint64_t epoch,
               std::uint64_t max_bytes = 4U << 20, bool is_private = false) {
    media::LogDescription description;
    description.stream_id = "s1";
    description.publication_id = PublicationId{publication_id};
    description.epoch = Epoch{epoch};
    description.segment_target_ms = 2000;
    description.retention.guaranteed_bytes = 256U << 10;
    description.retention.max_bytes = max_bytes;
    description.is_private = is_private;
    log_ = std::move(arena.create_log(description).value());
    add_configuration(media::kDataTrack, media::TrackKind::kData, MessageType::kData, {}, {2, 0, 1, 'm'});
    add_configuration(media::kVideoTrack, media::TrackKind::kVideo, MessageType::kVideo, {0x17, 0, 0, 0, 0},
                      {1, 2, 3});
    add_configuration(media::kAudioTrack, media::TrackKind::kAudio, MessageType::kAudio, {0xAF, 0},
                      {0x11, 0x90});
  }
  void add_configuration(std::uint8_t track, media::TrackKind kind, MessageType type, const Bytes& tag,
                         const Bytes& bytes, media::Codec codec = media::Codec::kData) {
    media::TrackConfiguration description{};
    description.track = track;
    description.kind = kind;
    description.codec = kind == media::TrackKind::kData ? codec : media::Codec::kH264;
    description.timescale = 90'000;
    const auto header =
        rtmp::media_chunk_header(type, 0, static_cast<std::uint32_t>(tag.size() + bytes.size()), 1);
    Bytes prefix(header.view().begin(), header.view().end());
    prefix.insert(prefix.end(), tag.begin(), tag.end());
    const std::uint32_t index = log_->add_configuration(description, prefix, bytes).value();
    if (codec == media::Codec::kData) configuration_.at(track) = index;
  }
  // The body of a frame that was sent: a tag header and its number.
  static Bytes body(bool video, bool key, std::uint32_t number, std::size_t size) {
    Bytes out = video ? Bytes{static_cast<std::uint8_t>(key ? 0x17 : 0x27), 1, 0, 0, 0} : Bytes{0xAF, 1};
    for (std::size_t i = 0; i < size; ++i) out.push_back(static_cast<std::uint8_t>(number + i));
    return out;
  }
  void frame(bool video, bool key, std::uint32_t number, std::uint32_t timestamp_ms, std::size_t size = 50,
             std::int64_t arrival_us = 0, std::optional<std::uint8_t> track = std::nullopt) {
    const Bytes bytes = body(video, key, number, size);
    const MessageType type = video ? MessageType::kVideo : MessageType::kAudio;
    const auto header =
        rtmp::media_chunk_header(type, timestamp_ms, static_cast<std::uint32_t>(bytes.size()), 1);
    const auto room =
        log_->reserve(static_cast<std::uint32_t>(bytes.size()), static_cast<std::uint32_t>(header.size()))
            .value();
    std::memcpy(room.data, header.data(), header.size());
    std::memcpy(room.data + header.size(), bytes.data(), bytes.size());
    const std::uint32_t tag_size = video ? 5 : 2;
    media::SampleRecord record{};
    record.track = track.value_or(video ? media::kVideoTrack : media::kAudioTrack);
    record.dts = std::int64_t{timestamp_ms} * 90;
    record.wire_timestamp_ms = timestamp_ms;
    record.arrival_us = arrival_us;
    record.flags = key ? media::kSampleKey : 0;
    record.configuration = configuration_[record.track];
    (void)log_->commit(room, static_cast<std::uint32_t>(header.size()) + tag_size,
                       static_cast<std::uint8_t>(header.size() + tag_size), record);
  }
  // Numbers first to first + count: picture and sound by turns, a key frame every ten pictures.
  void frames(std::uint32_t first, std::uint32_t count, std::int64_t arrival_us = 0, std::size_t size = 50) {
    for (std::uint32_t i = first; i < first + count; ++i)
      frame(i % 2 == 0, i % 20 == 0, i, base_ms + i * 20, size, arrival_us);
  }
  void end(media::LogEnd reason = media::LogEnd::kDisconnected) { log_->end(reason); }

  std::uint32_t base_ms = 0;

 private:
  std::unique_ptr<media::LogWriter> log_;
  std::array<std::uint32_t, media::kMaxTracks> configuration_{};
};

struct FlvTag {
  std::uint8_t type;
  std::uint32_t timestamp;
  Bytes body;
  bool operator==(const FlvTag&) const = default;
};

// The whole tags of a file; stops at what is not FLV.
inline std::vector<FlvTag> parse_flv(ByteView bytes) {
  std::vector<FlvTag> tags;
  ByteReader reader(bytes);
  if (as_text(reader.take(3)) != "FLV" || reader.u8() != 1) return tags;
  reader.skip(1);
  if (reader.u32() != 9 || reader.u32() != 0) return tags;
  while (reader.remaining() >= kFlvTagHeader) {
    FlvTag tag{reader.u8(), 0, {}};
    const std::uint32_t size = reader.u24();
    tag.timestamp = reader.u24();
    tag.timestamp |= std::uint32_t{reader.u8()} << 24;
    EXPECT_EQ(reader.u24(), 0U);
    const ByteView body = reader.take(size);
    const std::uint32_t trailer = reader.u32();
    if (!reader.ok()) break;
    EXPECT_EQ(trailer, size + kFlvTagHeader);
    tag.body.assign(body.begin(), body.end());
    tags.push_back(std::move(tag));
  }
  return tags;
}

// A socket that takes so many bytes a call, and in all until it is full.
class FakeSocket final : public http::LiveOutput {
 public:
  ssize_t send(std::span<const iovec> parts) override {
    ++calls;
    std::size_t room = std::min(per_call, in_all - bytes.size());
    if (room == 0) {
      errno = EAGAIN;
      return -1;
    }
    ssize_t sent = 0;
    for (const iovec& part : parts) {
      const std::size_t size = std::min(room, part.iov_len);
      const auto* data = static_cast<const std::uint8_t*>(part.iov_base);
      bytes.insert(bytes.end(), data, data + size);
      room -= size;
      sent += static_cast<ssize_t>(size);
    }
    if (after) after();
    return sent;
  }
  std::size_t per_call = SIZE_MAX;
  std::size_t in_all = SIZE_MAX;
  std::size_t calls = 0;
  Bytes bytes;
  std::function<void()> after;
};

class FlvFeedTest : public ::testing::Test {
 protected:
  FlvFeedTest() : arena_(make_arena(directory_.path())) {
    reader_ = media::ArenaReader::open(directory_.path(), "ingest", "test").value();
  }
  FlvDependencies dependencies() {
    return {.logs = [this](std::string_view stream_id) -> std::shared_ptr<const StreamLogs> {
              return std::make_shared<const StreamLogs>(StreamLogs{sources(reader_, stream_id)});
            },
            .viewers = viewers_,
            .metrics = metrics_,
            .wait_us = 5 * kSecond};
  }
  std::unique_ptr<FlvFeed> feed() {
    return std::make_unique<FlvFeed>(
        dependencies(), FlvViewer{"s1", "127.0.0.1", "test", [](bool is_marked) { return !is_marked; }},
        now_us_);
  }
  // Until it has nothing more to do.
  Progress pump(FlvFeed& feed, FakeSocket& socket) {
    Progress progress = Progress::kMore;
    for (int i = 0; i < 1'000'000 && progress == Progress::kMore; ++i) progress = feed.pump(socket, now_us_);
    return progress;
  }
  static std::vector<FlvTag> configurations(std::uint32_t timestamp) {
    return {{18, 0, {2, 0, 1, 'm'}},
            {9, timestamp, {0x17, 0, 0, 0, 0, 1, 2, 3}},
            {8, timestamp, {0xAF, 0, 0x11, 0x90}}};
  }
  static void add_frames(std::vector<FlvTag>& tags, std::uint32_t first, std::uint32_t count,
                         std::uint32_t base_ms = 0, std::size_t size = 50) {
    for (std::uint32_t i = first; i < first + count; ++i) {
      const bool video = i % 2 == 0;
      tags.push_back({static_cast<std::uint8_t>(video ? 9 : 8), base_ms + i * 20,
                      FlvPublisher::body(video, i % 20 == 0, i, size)});
    }
  }

  ScratchDirectory directory_;
  std::unique_ptr<media::ArenaWriter> arena_;
  std::shared_ptr<media::ArenaReader> reader_;
  ViewerCounter viewers_;
  Metrics metrics_;
  std::int64_t now_us_ = 1000 * kSecond;
};

}  // namespace millrace::packaging
