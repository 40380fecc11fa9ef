// What a forward's server is sent of a stream's log: a cursor, the configurations in force, and messages as
// parts of the log's memory. A message is sent as the log has it; its chunk header is written again in a side
// buffer only where the server gave another message stream id, or where a later publication's times are moved
// to go on behind the earlier one's; more chunk headers stand between the parts of a large one.
//
// Owner: one Forward; its shard's thread. No sockets.
#pragma once

#include <sys/uio.h>

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "base/bytes.hpp"
#include "media/arena_reader.hpp"

namespace millrace::ingest {

class ForwardFeed {
 public:
  static constexpr std::size_t kMaxRun = 128;    // messages per call
  static constexpr std::size_t kMaxParts = 640;  // a run ends before a message that does not fit
  enum class Next : std::uint8_t {
    kNothing,   // up to here everything is sent
    kOwn,       // own() is to be sent first
    kMessages,  // parts() are to be sent, then accounted with sent()
    kLost,      // the log has recycled what comes next: skip_to_key(), or start again in mid-message
  };

  // For a connection whose server gave this message stream id, with messages in chunks of this size. The
  // first video and the first audio track are sent whatever their codec (servers take more than they
  // announce), others only to a server that said multitrack.
  ForwardFeed(std::uint32_t message_stream_id, std::uint32_t chunk_size, bool multitrack)
      : message_stream_id_(message_stream_id), chunk_size_(chunk_size), multitrack_(multitrack) {}

  // The stream's log; a later publication's goes on in time. Not in mid-message.
  void attach(media::LogReader reader, std::int64_t now_us);
  bool attached() const { return reader_.has_value(); }

  // What to send of the records before committed.
  Next next(std::uint64_t committed);
  // Configurations and metadata that the server must have before the next message.
  ByteView own() const { return own_; }
  void own_taken() { own_.clear(); }
  std::span<const iovec> parts() const { return {parts_.data(), part_count_}; }
  std::size_t run_bytes() const { return run_bytes_; }
  // Bytes of the parts that were sent. False: the log took the memory back meanwhile, the server has garbage.
  [[nodiscard]] bool sent(std::size_t bytes, std::int64_t now_us);

  bool in_message() const { return message_sent_ > 0; }
  // To the newest key frame if that is ahead; how many records were left out. Not in mid-message.
  std::uint64_t skip_to_key();
  // How old the oldest record is that was not sent, compared with the newest; 0 when there is none.
  std::int64_t behind_us(std::uint64_t committed) const;
  // Holds back what is still needed from being recycled, within the log's limit.
  void hold();
  media::LogEnd end() const { return reader_ ? reader_->info().end : media::LogEnd::kDisconnected; }

 private:
  static constexpr std::uint32_t kUnknown = UINT32_MAX;
  // A message as it goes out.
  struct Outgoing {
    ByteView header;
    ByteView body;
    std::size_t wire_size = 0;
  };
  struct SideHeader {
    std::array<std::uint8_t, 16> bytes;
  };

  bool start();
  bool queue_configurations(const media::SampleRecord& next);
  void queue_configuration(std::uint32_t index, std::uint32_t timestamp_ms);
  bool takes(std::uint8_t track) const { return multitrack_ || track <= media::kDataTrack; }
  bool known(const media::SampleRecord& record) const;
  std::uint32_t outgoing_time(std::uint32_t wire_timestamp_ms);
  Outgoing outgoing(const media::LogReader::Sample& sample, std::size_t place);
  std::size_t parts_of(const Outgoing& message) const;
  void append(const Outgoing& message, std::size_t skipped);

  std::uint32_t message_stream_id_;
  std::uint32_t chunk_size_;
  bool multitrack_;
  std::optional<media::LogReader> reader_;
  bool started_ = false;
  std::uint64_t next_ = 0;                                         // record
  std::size_t message_sent_ = 0;                                   // bytes of it on the wire
  std::array<std::uint32_t, media::kMaxTracks> configurations_{};  // in force at the server, by track
  std::uint32_t configurations_seen_ = 0;
  Bytes own_;

  bool any_sent_ = false;
  bool time_known_ = false;           // of this publication
  std::uint32_t time_offset_ms_ = 0;  // added to the log's times
  std::uint32_t last_time_ms_ = 0;    // sent
  std::int64_t last_sent_us_ = 0;
  std::int64_t attached_us_ = 0;

  std::array<iovec, kMaxParts> parts_;
  std::size_t part_count_ = 0;
  std::size_t run_bytes_ = 0;
  std::vector<std::size_t> run_;  // wire sizes of its messages; 0 for what is left out
  std::vector<std::uint32_t> run_times_;
  std::optional<media::SampleRecord> run_first_;
  std::array<SideHeader, kMaxRun> side_headers_;
};

}  // namespace millrace::ingest
