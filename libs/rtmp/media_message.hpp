// Media messages: the chunk header that a player is given, and the first bytes of audio, video and data
// bodies. Specification: Adobe RTMP 1.0 5.3.1; Adobe FLV 10.1 Annex E.4.2.1, E.4.3.1 and E.5.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>

#include "base/bytes.hpp"
#include "base/result.hpp"
#include "rtmp/message.hpp"

namespace millrace::rtmp {

// A type 0 chunk header: 12 bytes, or 16 with the extended timestamp.
class MediaChunkHeader {
 public:
  static constexpr std::size_t kMaxSize = 16;

  std::size_t size() const { return size_; }
  const std::uint8_t* data() const { return bytes_.data(); }
  ByteView view() const { return {bytes_.data(), size_}; }

 private:
  friend MediaChunkHeader media_chunk_header(MessageType, std::uint32_t, std::uint32_t, std::uint32_t);

  std::array<std::uint8_t, kMaxSize> bytes_{};
  std::size_t size_ = 0;
};

// The header of a media message that is sent as one chunk: body_size <= kPlayerChunkSize. Chunk streams: 4
// audio, 6 video, 5 data.
MediaChunkHeader media_chunk_header(MessageType type, std::uint32_t timestamp_ms, std::uint32_t body_size,
                                    std::uint32_t message_stream_id);

enum class VideoFrameType : std::uint8_t {
  kKey = 1,
  kInter = 2,
  kDisposable = 3,
  kGeneratedKey = 4,
  kCommand = 5
};
enum class VideoCodecId : std::uint8_t {
  kSorenson = 2,
  kScreen = 3,
  kVp6 = 4,
  kVp6Alpha = 5,
  kScreen2 = 6,
  kAvc = 7
};
enum class AvcPacketType : std::uint8_t { kSequenceHeader = 0, kNalUnits = 1, kEndOfSequence = 2 };

// Enumerations hold what the peer sent, known or not.
struct VideoTag {
  VideoFrameType frame_type{};
  VideoCodecId codec{};
  AvcPacketType packet_type{};             // AVC only
  std::int32_t composition_offset_ms = 0;  // AVC only, signed
  std::uint32_t header_size = 0;           // of the tag: 5 for AVC, else 1; the payload follows
  bool key() const {
    return frame_type == VideoFrameType::kKey || frame_type == VideoFrameType::kGeneratedKey;
  }
};
// "rtmp.video_tag": empty or cut off. "rtmp.video_extended": an Enhanced RTMP header (bit 7), which is not
// taken.
Result<VideoTag> parse_video_tag(ByteView body);

enum class AudioFormat : std::uint8_t {
  kPcm = 0,
  kAdpcm = 1,
  kMp3 = 2,
  kPcmLe = 3,
  kG711A = 7,
  kG711U = 8,
  kExtended = 9,
  kAac = 10,
  kSpeex = 11
};
enum class AacPacketType : std::uint8_t { kSequenceHeader = 0, kRaw = 1 };

struct AudioTag {
  AudioFormat format{};
  AacPacketType packet_type{};    // AAC only
  std::uint32_t header_size = 0;  // 2 for AAC, else 1
};
// "rtmp.audio_tag": empty or cut off. "rtmp.audio_extended": Enhanced RTMP, which is not taken.
Result<AudioTag> parse_audio_tag(ByteView body);

// What an encoder says about itself in onMetaData; hints for people, media wins over it. Only finite,
// sensible numbers are kept, texts are cut at 256 bytes.
struct Metadata {
  std::optional<double> width, height, frame_rate, video_kbps, audio_kbps, audio_sample_rate,
      duration_seconds;
  std::string encoder;
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
