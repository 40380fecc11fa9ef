// What one publisher sends, written to its media log: messages in, records and configurations out. Sans-IO:
// bytes and times are passed in, the log's memory is the only place a payload is copied to.
//
// Owner: the publisher's connection; its I/O thread only. Counters may be read from any thread.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.hpp"
#include "base/result.hpp"
#include "media/arena_writer.hpp"
#include "media/timeline.hpp"
#include "rtmp/server_session.hpp"
#include "track_format.hpp"

namespace millrace::ingest {

// Since the publication began; written by the I/O thread.
struct PublicationCounters {
  std::atomic<std::uint64_t> received_bytes{0};  // on the wire
  std::atomic<std::uint64_t> video_frames{0};
  std::atomic<std::uint64_t> audio_frames{0};
  std::atomic<std::uint64_t> key_frames{0};
  std::atomic<std::uint64_t> timestamp_jumps{0};
  std::atomic<std::uint64_t> last_key_interval_us{0};
  std::atomic<std::uint64_t> dropped_messages{0};  // unusable: without configuration, malformed, too large
  std::atomic<std::uint64_t> log_bytes{0};
};

struct MessageTimes {
  std::int64_t monotonic_us = 0;
  std::int64_t wall_us = 0;
};

class Publication {
 public:
  static constexpr std::uint32_t kMaxDataBytes = 64U << 10;  // larger data messages are dropped
  static constexpr std::uint32_t kMaxMetadataChanges = 32;   // further ones are dropped

  Publication(std::unique_ptr<media::LogWriter> log, const media::TimelineConfig& timeline,
              std::shared_ptr<PublicationCounters> counters);

  // One message: begin, its bytes in any number of pieces, then end or abort. Several may be open at once,
  // told apart by their chunk stream. An error ends the publication, with a text for the publisher:
  // "ingest.unsupported", "codecs.…" for a configuration that is not usable, "media.no_space",
  // "media.too_large", "media.too_many_configurations". What can be left out without harm is dropped and
  // counted instead.
  [[nodiscard]] Result<void> begin(const rtmp::MessageBegin& message);
  void append(std::uint32_t chunk_stream_id, ByteView bytes);
  [[nodiscard]] Result<void> end(std::uint32_t chunk_stream_id, const MessageTimes& times);
  void abort(std::uint32_t chunk_stream_id);

  // Ends the log; nothing may be written afterwards.
  void finish(media::LogEnd reason);

  // The tracks in force; true once after each change, when there is something to play.
  const std::vector<TrackFormat>& tracks() const { return tracks_; }
  bool take_tracks_changed();
  const std::string& encoder() const { return encoder_; }

  std::uint64_t committed() const { return log_->committed(); }
  std::uint32_t slot() const { return log_->slot(); }
  // Of the newest record.
  std::uint64_t media_sequence() const { return media_sequence_; }
  std::int64_t arrival_us() const { return arrival_us_; }

 private:
  struct OpenMessage {
    std::uint32_t chunk_stream_id = 0;
    rtmp::MessageType type{};
    std::uint32_t timestamp_ms = 0;
    std::uint32_t filled = 0;
    std::optional<media::LogWriter::Room> room;  // none: the message is dropped
  };
  // A configuration that arrived after the first record waits for its track's next sample.
  struct TrackSlot {
    std::uint32_t configuration = 0;
    bool configured = false;
    std::optional<TrackFormat> pending;
    Bytes newest;  // as received, to recognise repetitions
    unsigned nal_length_size = 4;
  };
  struct SamplePlace {
    std::uint8_t track = 0;
    std::uint32_t header_size = 0;  // of the body's front that is not payload but goes to players
    std::uint32_t skipped = 0;      // of the body's front that goes to nobody
    std::int32_t composition_offset_ms = 0;
    bool key = false;
  };

  std::uint32_t prefix_room(std::uint32_t timestamp_ms) const;
  OpenMessage* find(std::uint32_t chunk_stream_id);
  Result<void> end_video(const OpenMessage& message, ByteView body, const MessageTimes& times);
  Result<void> end_audio(const OpenMessage& message, ByteView body, const MessageTimes& times);
  Result<void> end_data(const OpenMessage& message, ByteView body, const MessageTimes& times);
  Result<void> configure(Result<TrackFormat> format);
  Result<void> configure_data(ByteView body);
  Result<void> add_configuration(TrackFormat format, std::uint64_t media_sequence,
                                 std::uint32_t timestamp_ms);
  Result<void> commit(const OpenMessage& message, const SamplePlace& place, const MessageTimes& times);
  void count(const SamplePlace& place, const media::SampleRecord& record);
  Result<void> drop(const OpenMessage& message);

  std::unique_ptr<media::LogWriter> log_;
  media::Timeline timeline_;
  std::shared_ptr<PublicationCounters> counters_;
  std::vector<OpenMessage> open_;
  std::array<TrackSlot, 3> slots_;
  std::vector<TrackFormat> tracks_;
  std::string encoder_;
  bool tracks_changed_ = false;
  bool any_record_ = false;
  std::uint32_t metadata_changes_ = 0;
  std::uint32_t longest_segment_ms_ = 0;
  std::uint32_t wire_timestamp_ms_ = 0;
  std::uint64_t media_sequence_ = 0;
  std::int64_t arrival_us_ = 0;
  std::int64_t last_key_us_ = -1;  // on the timeline
};

}  // namespace millrace::ingest
