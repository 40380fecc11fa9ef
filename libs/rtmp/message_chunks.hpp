// Cuts a message that lies in memory as one chunk (as the media log has it) into smaller chunks without
// copying it: views of the message itself with type 3 headers between them (Adobe RTMP 1.0, 5.3.1.2.4; the
// extended timestamp is repeated, 5.3.1.3). For players where RTMP_CHUNK_SIZE is set.
//
// "Wire offset" counts the bytes of the cut message, headers included, so that sending can go on anywhere.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "base/bytes.hpp"

namespace millrace::rtmp {

class MessageChunks {
 public:
  // A chunk beyond the first is up to three parts: basic header, extended timestamp, bytes of the body.
  static constexpr std::size_t kMaxPartsPerChunk = 3;

  // message: a type 0 header with a chunk stream id below 64, then the whole body; it outlives this.
  // chunk_size: not 0.
  MessageChunks(ByteView message, std::uint32_t chunk_size);

  std::size_t wire_size() const { return wire_size_; }
  // Fills parts from this wire offset on and returns how many; fewer than there is room for only at the
  // message's end. The parts are valid as long as the message is.
  std::size_t cut(std::size_t wire_offset, std::span<ByteView> parts) const;

 private:
  ByteView first_;  // header and first chunk's body
  ByteView rest_;   // body behind it
  ByteView basic_header_;
  ByteView extended_timestamp_;  // empty where there is none
  std::size_t chunk_size_;
  std::size_t wire_size_;
};

}  // namespace millrace::rtmp
