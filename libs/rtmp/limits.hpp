// Bounds of one RTMP session. A peer that goes over one is closed with the code named beside it, unless
// stated otherwise.
#pragma once

#include <cstddef>
#include <cstdint>

namespace millrace::rtmp {

// The largest message taken and, unless SessionLimits says otherwise, the chunk size announced to peers: one
// media message is always one chunk to a player. Not more, because nginx-rtmp as a client refuses chunk sizes
// above 10 MiB.
inline constexpr std::uint32_t kPlayerChunkSize = 10U << 20;

struct SessionLimits {
  // Announced size of a media or data message: "rtmp.message_size".
  std::uint32_t max_media_bytes = kPlayerChunkSize;
  // Announced sizes of all media messages that have begun and not ended: "rtmp.partial_bytes".
  std::uint32_t max_open_media_bytes = 16U << 20;
  // A command or control message: "rtmp.message_size".
  std::uint32_t max_command_bytes = 48U << 10;
  // All partly received commands together: "rtmp.partial_bytes".
  std::uint32_t max_open_command_bytes = 96U << 10;
  // Different chunk stream ids in the life of a connection: "rtmp.chunk_streams".
  std::uint32_t max_chunk_streams = 64;
  // Message streams at a time; createStream beyond it is answered with _error.
  std::uint32_t max_message_streams = 8;
  // Names, application and query of a request: longer ones are refused with a status or _error, then
  // "rtmp.text_size".
  std::uint32_t max_text_bytes = 4096;
  // Work budget: every chunk costs this many bytes and brings as many as it has, so that floods of tiny
  // chunks (SetChunkSize 1, empty messages) run out of credit: "rtmp.work".
  std::uint32_t chunk_cost_bytes = 8;
  std::uint32_t max_work_credit = 1U << 20;
  // Bytes received between two acknowledgements: what the peer asks for within these bounds.
  std::uint32_t min_acknowledgement_window = 16U << 10;
  std::uint32_t default_acknowledgement_window = 2'500'000;
  // Chunk size of what is sent, announced in the answer to connect. At least 128, the size before it.
  std::uint32_t send_chunk_size = kPlayerChunkSize;
};

}  // namespace millrace::rtmp
