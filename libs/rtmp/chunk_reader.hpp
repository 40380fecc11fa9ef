// Takes the chunk stream apart (Adobe RTMP 1.0, 5.3): all header types, 2- and 3-byte chunk stream ids,
// extended timestamps, interleaving. Payload is passed on as it comes, as views into the argument of receive
// (or into the reader's own few bytes, valid until the next call); only an unfinished chunk header is kept
// between calls.
//
// What peers do and this reader takes:
//  - type 1 as the first header of a chunk stream, meaning type 0 with message stream 0 (librtmp's control
//    messages);
//  - type 3 chunks with and without the repeated extended timestamp (both exist): the four bytes are the
//    timestamp exactly if they equal the one of the header before, or the message's absolute time;
//  - a full header in mid-message that repeats length, type and stream (a continuation). Any change is
//    refused.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "base/bytes.hpp"
#include "base/result.hpp"
#include "rtmp/limits.hpp"
#include "rtmp/message.hpp"

namespace millrace::rtmp {

// slot: a small number for the chunk stream, from 0, that stays the same for the life of the connection.
// A message of size 0 has no bytes. An error from the sink ends receive with it.
class ChunkSink {
 public:
  virtual ~ChunkSink() = default;
  virtual Result<void> message_begin(std::size_t slot, const MessageHeader& header) = 0;
  virtual Result<void> message_bytes(std::size_t slot, ByteView bytes) = 0;
  virtual Result<void> message_end(std::size_t slot) = 0;
  // Asked between two pieces: false leaves the rest to a later receive.
  virtual bool wants_more() const { return true; }
};

class ChunkReader {
 public:
  static constexpr std::uint32_t kDefaultChunkSize = 128;
  static constexpr std::uint32_t kMaxChunkSize = 0xFFFFFF;  // no message is longer, so more says nothing

  explicit ChunkReader(const SessionLimits& limits) : credit_(limits.max_work_credit) {}

  // Consumes from the front of bytes: all, unless the sink wants no more. Codes: "rtmp.chunk_context" (types
  // 2, 3 without a header before), "rtmp.message_changed", "rtmp.chunk_streams", "rtmp.work", and the sink's.
  // After an error the reader is of no use.
  Result<void> receive(ByteView& bytes, const SessionLimits& limits, ChunkSink& sink);

  // Set Chunk Size from the peer: from its next chunk on; larger values mean kMaxChunkSize.
  // "rtmp.chunk_size": 0 or negative.
  Result<void> set_chunk_size(std::uint32_t size);
  // Abort Message from the peer: forgets the open message of that chunk stream. Its slot, or -1 if there is
  // none open.
  int abort(std::uint32_t chunk_stream_id);
  // How many slots there are.
  std::size_t slots() const { return streams_.size(); }

  void save(ByteWriter& out) const;
  // Returns false for what save did not write.
  bool restore(ByteReader& reader, const SessionLimits& limits);

 private:
  static constexpr std::size_t kMaxHeaderSize = 18;

  struct Stream {
    std::uint32_t id = 0;
    std::uint32_t timestamp = 0;       // of the last message, absolute
    std::uint32_t timestamp_step = 0;  // as the last header had it: what a type 3 header adds
    std::uint32_t size = 0;
    std::uint32_t message_stream_id = 0;
    std::uint32_t left = 0;  // bytes of the open message still to come; 0: none open
    std::uint8_t type = 0;
    bool extended = false;  // the last header had an extended timestamp
  };
  struct Header {
    std::size_t bytes = 0;  // its size on the wire; 0: more input is needed
    std::uint32_t chunk_stream_id = 0;
    std::uint8_t format = 0;
    std::uint32_t timestamp = 0;
    std::uint32_t size = 0;
    std::uint8_t type = 0;
    std::uint32_t message_stream_id = 0;
    bool extended = false;
  };

  // False: nothing more can be done before more input comes.
  Result<bool> join_kept(ByteView& kept, ByteView& bytes, const SessionLimits& limits, ChunkSink& sink);
  Result<void> read_payload(ByteView& bytes, ChunkSink& sink);
  Header parse_header(ByteView bytes) const;
  static Header parse_fields(Header header, ByteReader reader, std::size_t total);
  static Header parse_type_three(Header header, ByteView rest, const Stream& stream);
  Result<void> begin_chunk(const Header& header, const SessionLimits& limits, ChunkSink& sink);
  Result<void> begin_message(const Header& header, ChunkSink& sink);
  const Stream* find(std::uint32_t id) const;
  Result<void> select(const Header& header, const SessionLimits& limits);
  void keep(ByteView bytes);
  bool spend(std::size_t brought, const SessionLimits& limits);

  std::vector<Stream> streams_;
  std::size_t current_ = 0;       // slot of the chunk that is being read
  std::uint32_t chunk_left_ = 0;  // payload bytes of it still to come; 0: a header comes next
  std::uint32_t chunk_size_ = kDefaultChunkSize;
  std::uint32_t credit_;  // work budget, in bytes
  std::uint8_t pending_size_ = 0;
  std::array<std::uint8_t, kMaxHeaderSize> pending_{};  // the first bytes of an unfinished header
  // pending_ of the call before: bytes that turn out to be payload (a missing extended timestamp) are viewed
  // here.
  std::array<std::uint8_t, kMaxHeaderSize> kept_{};
};

}  // namespace millrace::rtmp
