// Media messages: the chunk header that a player is given, and what data bodies say. media_tag.hpp has the
// first bytes of audio and video. Specification: Adobe RTMP 1.0 5.3.1; Adobe FLV 10.1 Annex E.5.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.hpp"
#include "base/result.hpp"
#include "rtmp/message.hpp"

namespace millrace::rtmp {

// A type 0 chunk header: 12 bytes, or 16 with the extended timestamp.
class MediaChunkHeader {
 public:
  static constexpr std::size_t kMaxSize = 16;
  static constexpr std::size_t kShortSize = 12;
  static constexpr std::uint32_t kExtendedMark = 0xFFFFFF;  // a time stamp from here on stands behind it

  static constexpr std::size_t size_for(std::uint32_t timestamp_ms) {
    return timestamp_ms >= kExtendedMark ? kMaxSize : kShortSize;
  }

  std::size_t size() const { return size_; }
  const std::uint8_t* data() const { return bytes_.data(); }
  ByteView view() const { return {bytes_.data(), size_}; }
  // size() bytes.
  void copy_to(std::uint8_t* place) const {
    std::memcpy(place, bytes_.data(), kShortSize);
    if (size_ == kMaxSize) std::memcpy(place + kShortSize, bytes_.data() + kShortSize, kMaxSize - kShortSize);
  }

 private:
  friend MediaChunkHeader media_chunk_header(MessageType, std::uint32_t, std::uint32_t, std::uint32_t);

  std::array<std::uint8_t, kMaxSize> bytes_{};
  std::size_t size_ = 0;
};

// The header of a media message that is sent as one chunk: body_size <= kPlayerChunkSize. Chunk streams: 4
// audio, 6 video, 5 data.
MediaChunkHeader media_chunk_header(MessageType type, std::uint32_t timestamp_ms, std::uint32_t body_size,
                                    std::uint32_t message_stream_id);

// What an encoder says about itself in onMetaData; hints for people, media wins over it. Only finite,
// sensible numbers are kept, texts are cut at 256 bytes.
struct Metadata {
  std::optional<double> width, height, frame_rate, video_kbps, audio_kbps, audio_sample_rate,
      duration_seconds;
  std::string encoder;
  // audioTrackIdInfoMap and videoTrackIdInfoMap of Enhanced RTMP: the entries that have one of the two.
  static constexpr std::size_t kMaxLabels = 32;
  struct Label {
    MessageType type{};
    std::uint8_t track_id = 0;
    std::string language;  // as sent: "language" or "lang"
    std::string name;      // as sent: "title", "name" or "label"
  };
  std::vector<Label> labels;
};

// A data message, "@setDataFrame" stripped.
struct DataMessage {
  std::string name;                  // "onMetaData", "onTextData", …
  std::size_t payload_begin = 0;     // of the body without "@setDataFrame": what players are sent
  std::optional<Metadata> metadata;  // if name is onMetaData and its value is an object
};
// "rtmp.amf0": not AMF0, or beyond its bounds.
Result<DataMessage> parse_data_message(ByteView body);

}  // namespace millrace::rtmp
