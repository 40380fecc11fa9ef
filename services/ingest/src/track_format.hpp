// What a sequence header says about its track, in the words of the media log and of the bus. Pure functions.
#pragma once

#include <cstdint>
#include <string>

#include "base/bytes.hpp"
#include "base/result.hpp"
#include "media/sample.hpp"
#include "rtmp/message.hpp"

namespace millrace::ingest {

struct TrackFormat {
  media::TrackConfiguration description{};
  std::string codec;                    // RFC 6381, empty for data
  std::uint32_t samples_per_frame = 0;  // audio
  unsigned nal_length_size = 4;         // video
  Bytes tag;                            // the FLV tag header that players are sent before the configuration
  Bytes configuration;                  // avcC, AudioSpecificConfig, AMF0 of onMetaData
};

// body: a whole RTMP message with a sequence header; header_size bytes of it are the FLV tag header.
[[nodiscard]] Result<TrackFormat> avc_format(ByteView body, std::uint32_t header_size);
[[nodiscard]] Result<TrackFormat> aac_format(ByteView body, std::uint32_t header_size);
// amf: as players are sent it.
TrackFormat data_format(ByteView amf);

rtmp::MessageType message_type(media::TrackKind kind);

}  // namespace millrace::ingest
