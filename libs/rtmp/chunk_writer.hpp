// Writes whole messages in chunks (Adobe RTMP 1.0, 5.3): a type 0 header, then type 3 headers with the
// extended timestamp repeated, as the specification wants it.
#pragma once

#include "base/bytes.hpp"
#include "rtmp/message.hpp"

namespace millrace::rtmp {

// Chunk streams we send on. Control is fixed by the specification, the others are custom.
inline constexpr std::uint32_t kControlChunkStream = 2;
inline constexpr std::uint32_t kCommandChunkStream = 3;
inline constexpr std::uint32_t kAudioChunkStream = 4;
inline constexpr std::uint32_t kDataChunkStream = 5;
inline constexpr std::uint32_t kVideoChunkStream = 6;

// header.size is ignored: body counts. Precondition: chunk_stream_id in [2, 65599], chunk_size not 0.
void append_message(const MessageHeader& header, ByteView body, std::uint32_t chunk_size, ByteWriter& out);

}  // namespace millrace::rtmp
