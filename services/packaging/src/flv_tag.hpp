// FLV around messages of the media log (Adobe FLV 10.1, Annex E): the file's header, and the tags' headers.
// Pure.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "base/bytes.hpp"
#include "media/log_message.hpp"

namespace millrace::packaging {

inline constexpr std::size_t kFlvTagHeader = 11;
inline constexpr std::size_t kFlvTagTrailer = 4;  // PreviousTagSize

// Header of the file and PreviousTagSize0.
Bytes flv_file_header(bool video, bool audio);
// 11 bytes. TagType is the RTMP message's type: 8 audio, 9 video, 18 script data.
void put_flv_tag_header(std::uint8_t type, std::uint32_t body_size, std::uint32_t timestamp_ms,
                        std::uint8_t* out);
void put_flv_tag_trailer(std::uint32_t body_size, std::uint8_t* out);
void append_flv_tag(const media::LogMessage& message, std::uint32_t timestamp_ms, Bytes& out);

}  // namespace millrace::packaging
