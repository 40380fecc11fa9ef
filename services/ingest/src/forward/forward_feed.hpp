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

#include "base/bytes.hpp"
#include "media/log_follower.hpp"

namespace millrace::ingest {

class ForwardFeed {
 public:
  static constexpr std::size_t kMaxRun = 128;    // messages per call
  static constexpr std::size_t kMaxParts = 640;  // a run ends before a message that does not fit
  static constexpr media::SkipPolicy kSkips{.slow_us = 4'000'000};
  enum class Next : std::uint8_t {
    kNothing,   // up to here everything is sent
    kOwn,       // own() is to be sent first
    kMessages,  // parts() are to be sent, then accounted with sent()
    kLost,      // the log has recycled what comes next: skip(), or start again in mid-message
  };

  // For a connection whose server gave this message stream id, with messages in chunks of this size. The
  // first video and the first audio track are sent whatever their codec (servers take more than they
  // announce), others only to a server that said multitrack.
  ForwardFeed(std::uint32_t message_stream_id, std::uint32_t chunk_size, bool multitrack)
      : message_stream_id_(message_stream_id), chunk_size_(chunk_size), multitrack_(multitrack) {}

  // The stream's log; a later publication's goes on in time. Not in mid-message.
  void attach(media::LogReader reader, std::int64_t now_us);
  bool attached() const { return reader_.has_value(); }

  // What to send of the records before committed: of at most so many.
  Next next(std::uint64_t committed, std::size_t most = kMaxRun);
  // Configurations and metadata that the server must have before the next message.
  ByteView own() const { return own_; }
  void own_taken() { own_.clear(); }
  std::span<const iovec> parts() const { return {parts_.data(), part_count_}; }
  std::size_t run_bytes() const { return run_bytes_; }
  // Bytes of the parts that were sent. False: the log took the memory back meanwhile, the server has garbage.
  [[nodiscard]] bool sent(std::size_t bytes, std::int64_t now_us);

  bool in_message() const { return follower_.place().in_message(); }
  // To the newest key frame if that is ahead; how many records were left out. Not in mid-message.
  std::uint64_t skip(std::int64_t now_us);
  bool slow(std::uint64_t committed, std::int64_t now_us) const;
  // Holds back what is still needed from being recycled, within the log's limit.
  void hold();
  media::LogEnd end() const { return reader_ ? reader_->info().end : media::LogEnd::kDisconnected; }

 private:
  // A message as it goes out.
  struct Outgoing {
    ByteView header;
    ByteView body;
    std::size_t wire_size = 0;
    std::size_t part_count = 0;  // at most
  };
  struct RunMessage {
    std::size_t wire_size = 0;  // 0: left out
    std::uint32_t time_ms = 0;
  };
  struct SideHeader {
    std::array<std::uint8_t, 16> bytes;
  };

  bool start();
  void queue(const media::LogReader::Configuration& configuration, std::uint32_t timestamp_ms);
  bool takes(std::uint8_t track) const { return multitrack_ || track <= media::kDataTrack; }
  std::uint32_t outgoing_time(std::uint32_t wire_timestamp_ms);
  void gather();
  Outgoing outgoing(const media::LogEntry& entry, std::size_t place);
  void append(const Outgoing& message, std::size_t skipped);

  std::uint32_t message_stream_id_;
  std::uint32_t chunk_size_;
  bool multitrack_;
  std::optional<media::LogReader> reader_;
  media::LogFollower follower_{kSkips};
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
  media::LogWindow window_;
  std::span<const media::LogEntry> run_;  // in the window
  std::array<RunMessage, kMaxRun> run_messages_;
  std::array<SideHeader, kMaxRun> side_headers_;
};

}  // namespace millrace::ingest
