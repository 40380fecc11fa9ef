// RTMP messages as the chunk stream carries them (Adobe RTMP 1.0, 5.3.1 and 6): header fields and type ids.
#pragma once

#include <cstdint>

namespace millrace::rtmp {

enum class MessageType : std::uint8_t {
  kSetChunkSize = 1,
  kAbort = 2,
  kAcknowledgement = 3,
  kUserControl = 4,
  kWindowAcknowledgementSize = 5,
  kSetPeerBandwidth = 6,
  kAudio = 8,
  kVideo = 9,
  kDataAmf3 = 15,
  kSharedObjectAmf3 = 16,
  kCommandAmf3 = 17,
  kData = 18,
  kSharedObject = 19,
  kCommand = 20,
  kAggregate = 22,
};

// type is what the peer sent and may be none of the enumerators.
struct MessageHeader {
  std::uint32_t chunk_stream_id = 0;
  MessageType type{};
  std::uint32_t timestamp_ms = 0;
  std::uint32_t size = 0;  // of the body, at most 0xFFFFFF
  std::uint32_t message_stream_id = 0;
};

}  // namespace millrace::rtmp
