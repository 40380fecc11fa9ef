// A log for tests of whoever follows one: records written as letters.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "media/arena_test_support.hpp"
#include "media/log_follower.hpp"
#include "media/log_message.hpp"

namespace millrace::media::testing {

class FollowedLogFixture : public ArenaFixture {
 protected:
  static constexpr std::uint64_t kPublication = 7;

  void create_log(std::uint64_t first_sequence = 0) {
    reader_.reset();
    log_.reset();
    arena_reader_.reset();
    open_writer();
    LogDescription description = describe("cam", kPublication);
    description.retention.max_bytes = description.retention.guaranteed_bytes;
    description.first_sequence = first_sequence;
    log_ = create(description);
    arena_reader_ = open_reader();
    reader_.emplace(arena_reader_->open_log(log_->slot(), PublicationId{kPublication}, 0).value());
    used_.fill(0);
  }
  // As ingest does: the bytes behind a chunk header, or alone where the codec has no sequence start.
  std::uint32_t configure(std::uint8_t track, TrackKind kind, std::uint8_t message_type, std::uint8_t byte,
                          Codec codec = Codec::kData) {
    TrackConfiguration description{};
    description.track = track;
    description.kind = kind;
    description.codec = codec;
    Bytes header(message_type == 0 ? 0 : 12);
    if (!header.empty()) header[7] = message_type;
    const std::uint32_t index = log_->add_configuration(description, header, Bytes{byte}).value();
    if (!is_annotation(description)) used_.at(track) = index;
    return index;
  }
  std::uint32_t video(std::uint8_t byte) {
    return configure(kVideoTrack, TrackKind::kVideo, LogMessage::kVideo, byte, Codec::kH264);
  }
  std::uint32_t audio(std::uint8_t byte, std::uint8_t track = kAudioTrack) {
    return configure(track, TrackKind::kAudio, LogMessage::kAudio, byte, Codec::kAac);
  }
  std::uint32_t metadata(std::uint8_t byte) {
    return configure(kDataTrack, TrackKind::kData, LogMessage::kData, byte);
  }
  std::uint32_t annotation(std::uint8_t message_type, std::uint8_t byte) {
    return configure(kDataTrack, TrackKind::kData, message_type, byte, Codec::kNone);
  }

  // V and v: picture, V a key frame; a: sound; b: sound of another track; d: data. Arrivals 1 s apart.
  void write(std::string_view records, std::size_t size = 10) {
    for (const char letter : records) {
      const std::uint8_t track = letter == 'a'   ? kAudioTrack
                                 : letter == 'b' ? kDataTrack + 1
                                 : letter == 'd' ? kDataTrack
                                                 : kVideoTrack;
      SampleRecord record = record_at(arrival_us_, letter != 'v', track);
      record.configuration = used_.at(track);
      ASSERT_TRUE(append(*log_, kPublication, size, record));
      arrival_us_ += 1'000'000;
    }
  }
  // Until nothing is left of what was there.
  void recycle(std::string_view records) {
    const std::uint64_t end = log_->committed();
    while (reader_->info().first < end) write(records, 1000);
  }

  std::unique_ptr<LogWriter> log_;
  std::unique_ptr<ArenaReader> arena_reader_;
  std::optional<LogReader> reader_;
  std::array<std::uint32_t, kMaxTracks> used_{};
  std::int64_t arrival_us_ = 0;
};

}  // namespace millrace::media::testing
