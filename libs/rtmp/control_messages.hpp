// Protocol control and user control messages (Adobe RTMP 1.0, 5.4 and 6.2; user control 7.1.7).
#pragma once

#include <cstdint>
#include <optional>

#include "base/bytes.hpp"

namespace millrace::rtmp {

enum class UserControlEvent : std::uint16_t {
  kStreamBegin = 0,
  kStreamEof = 1,
  kStreamDry = 2,
  kSetBufferLength = 3,
  kStreamIsRecorded = 4,
  kPingRequest = 6,
  kPingResponse = 7,
};

struct UserControl {
  UserControlEvent event{};
  std::uint32_t value = 0;  // the first four bytes of its data: a message stream id or a timestamp
};

// The four-byte body of Set Chunk Size, Abort, Acknowledgement, Window Acknowledgement Size. Nullopt: too
// short; what follows the four bytes is ignored.
std::optional<std::uint32_t> parse_control_number(ByteView body);
std::optional<UserControl> parse_user_control(ByteView body);

// Whole messages, chunk header included.
void append_set_chunk_size(std::uint32_t size, ByteWriter& out);
void append_acknowledgement(std::uint32_t sequence_number, ByteWriter& out);
void append_window_acknowledgement_size(std::uint32_t size, ByteWriter& out);
// Limit type 2, dynamic.
void append_set_peer_bandwidth(std::uint32_t size, ByteWriter& out);
void append_user_control(const UserControl& message, ByteWriter& out);

}  // namespace millrace::rtmp
