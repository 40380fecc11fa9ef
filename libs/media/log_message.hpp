// A message as a log holds it, ready for RTMP players: a type 0 chunk header, then the body in one chunk
// (Adobe RTMP 1.0, 5.3.1.2.1 and 5.3.1.3). Pure.
#pragma once

#include <algorithm>
#include <cstdint>

#include "base/bytes.hpp"

namespace millrace::media {

struct LogMessage {
  static constexpr std::uint8_t kAudio = 8;
  static constexpr std::uint8_t kVideo = 9;
  static constexpr std::uint8_t kData = 18;

  std::uint8_t type = 0;  // the message's, which is FLV's TagType too
  ByteView header;
  ByteView body;
};

// Total: what is too short for a message has no body.
inline LogMessage log_message(ByteView message) {
  constexpr std::size_t kTypeAt = 7;
  constexpr std::size_t kHeader = 12;          // with a basic header of one byte
  constexpr std::size_t kExtendedHeader = 16;  // the same with an extended timestamp
  if (message.size() <= kTypeAt) return {0, message, {}};
  const bool extended = message[1] == 0xFF && message[2] == 0xFF && message[3] == 0xFF;
  const std::size_t header = std::min(extended ? kExtendedHeader : kHeader, message.size());
  return {message[kTypeAt], message.first(header), message.subspan(header)};
}

}  // namespace millrace::media
