// FLV around messages of the media log (Adobe FLV 10.1, Annex E): the file's header, and the tags' headers.
// Pure.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "base/bytes.hpp"

namespace millrace::packaging {

inline constexpr std::size_t kFlvTagHeader = 11;
inline constexpr std::size_t kFlvTagTrailer = 4;  // PreviousTagSize

// TagType of a tag is the RTMP message's type: 8 audio, 9 video, 18 script data.
struct FlvMessage {
  std::uint8_t type = 0;
  ByteView body;  // behind the chunk header
};
// Of a whole RTMP message in one chunk, as the log has it; an empty body when it is none.
FlvMessage flv_message(ByteView message);

// Header of the file and PreviousTagSize0.
Bytes flv_file_header(bool video, bool audio);
// 11 bytes.
void put_flv_tag_header(std::uint8_t type, std::uint32_t body_size, std::uint32_t timestamp_ms,
                        std::uint8_t* out);
void put_flv_tag_trailer(std::uint32_t body_size, std::uint8_t* out);
void append_flv_tag(const FlvMessage& message, std::uint32_t timestamp_ms, Bytes& out);

}  // namespace millrace::packaging
