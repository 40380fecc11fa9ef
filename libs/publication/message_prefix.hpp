// The RTMP message header in front of a sample in the log: a chunk header and an FLV tag header. Pure.
#pragma once

#include <cstdint>
#include <optional>

#include "base/bytes.hpp"
#include "media/arena_writer.hpp"
#include "media/sample.hpp"
#include "publication/track_format.hpp"
#include "rtmp/media_tag.hpp"

namespace millrace::publication {

// Where the tag header stands and which it is.
struct TagPlace {
  std::uint32_t header_size = 0;                // of the one that is there, right before the payload
  std::optional<rtmp::TagHeaderFields> header;  // to be written instead
  bool composition_present = false;             // SI24, the last three bytes of the header
};

// Writes the header so that it ends where the payload begins (payload_at: counted from room.data). A repaired
// record's composition offset replaces the received one. The prefix's size; nullopt: there is no room for it,
// and nothing that matters was written.
std::optional<std::uint8_t> write_prefix(const media::LogWriter::Room& room, std::uint32_t payload_at,
                                         const TagPlace& tag, rtmp::MessageType type,
                                         const media::SampleRecord& record);

// The header in front of a configuration; empty for a codec without a wire form.
Bytes configuration_prefix(const TrackFormat& format, std::uint32_t timestamp_ms);

}  // namespace millrace::publication
