// The first bytes of audio and video messages: the FLV tag headers, legacy and Enhanced RTMP in one form.
//
// Specifications: Adobe FLV 10.1 E.4.2.1 and E.4.3.1; Veovera E-RTMP v2 "Enhanced Audio" (ExAudioTagHeader)
// and "Enhanced Video" (ExVideoTagHeader). Legacy codec id 12 is HEVC in AVC's framing, as many encoders and
// servers of the time before E-RTMP have it.
//
//   UB[1] 1 | UB[3] frame type | UB[4] packet type          video        UB[4] 9 | UB[4] packet type   audio
//   while ModEx:  UI8 size-1 (255: UI16 size-1) | bytes | UB[4] ModEx type | UB[4] packet type
//   Multitrack:   UB[4] multitrack type | UB[4] packet type
//   FourCC, unless each track has its own
//   each track:   [FourCC] [UI8 track id] [UI24 size] | SI24 composition time (avc1 and hvc1 CodedFrames) | …
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "base/bytes.hpp"
#include "base/result.hpp"
#include "rtmp/fourcc.hpp"
#include "rtmp/message.hpp"

namespace millrace::rtmp {

enum class VideoFrameType : std::uint8_t {
  kKey = 1,
  kInter = 2,
  kDisposable = 3,
  kGeneratedKey = 4,
  kCommand = 5
};

// What a message is about; the packet types of audio and video, legacy and enhanced, taken together.
enum class PacketKind : std::uint8_t {
  kSequenceStart,
  kCodedFrames,
  kSequenceEnd,
  kMetadata,              // video: AMF name and value pairs, "colorInfo"
  kMultichannelConfig,    // audio: which channel is which speaker
  kMpeg2TsSequenceStart,  // video: an MPEG-2 TS descriptor instead of a configuration record
  kCommand,               // video info or command frame: no payload
  kUnknown,               // a reserved packet type
};

enum class MultitrackType : std::uint8_t { kOneTrack = 0, kManyTracks = 1, kManyTracksManyCodecs = 2 };

// One track's part of a message.
struct TagPart {
  FourCc codec = fourcc::kNone;
  std::uint8_t track_id = 0;
  std::int32_t composition_offset_ms = 0;
  std::uint32_t payload_begin = 0;  // in the body
  std::uint32_t payload_size = 0;
};

struct MediaTag {
  // Tracks of one message: "rtmp.tracks" beyond it. ModEx headers: "rtmp.modex".
  static constexpr std::size_t kMaxParts = 16;
  static constexpr std::size_t kMaxModifiers = 16;

  MessageType type{};
  bool enhanced = false;
  PacketKind kind = PacketKind::kUnknown;
  VideoFrameType frame_type{};       // video; holds what the peer sent, known or not
  std::uint8_t legacy_codec = 0;     // not enhanced: video CodecID or SoundFormat
  bool composition_present = false;  // SI24 before each payload
  std::optional<MultitrackType> multitrack;
  bool modified = false;                // has ModEx headers
  std::uint32_t nanosecond_offset = 0;  // ModEx TimestampOffsetNano: to be added to the time stamp, < 1 ms
  FourCc codec = fourcc::kNone;         // of all parts, unless each has its own
  std::uint32_t parts_begin = 0;        // in the body
  std::uint32_t part_count = 0;         // 0 for commands

  bool key() const {
    return frame_type == VideoFrameType::kKey || frame_type == VideoFrameType::kGeneratedKey;
  }
};

// type: kAudio or kVideo. The whole message is checked: its parts can be read without an error afterwards.
// "rtmp.media_tag": empty or cut off, sizes that pass the end. "rtmp.multitrack": a reserved type, or one
// within another. "rtmp.tracks", "rtmp.modex".
Result<MediaTag> parse_media_tag(MessageType type, ByteView body);

// Walks the parts of a message.
class TagPartReader {
 public:
  TagPartReader(const MediaTag& tag, ByteView body);
  // Nothing at the end, or when the message is not what its tag was read from.
  std::optional<TagPart> next();

 private:
  MediaTag tag_;
  std::uint32_t body_size_;
  std::uint32_t given_ = 0;
  ByteReader reader_;
};

// The header in front of one track's payload.
struct TagHeader {
  static constexpr std::size_t kMaxSize = 10;
  std::array<std::uint8_t, kMaxSize> bytes{};
  std::size_t size = 0;
  ByteView view() const { return {bytes.data(), size}; }
};

struct TagHeaderFields {
  MessageType type{};
  FourCc codec = fourcc::kNone;
  PacketKind kind = PacketKind::kCodedFrames;  // kSequenceStart to kMultichannelConfig
  VideoFrameType frame_type = VideoFrameType::kInter;
  std::int32_t composition_offset_ms = 0;  // avc1 and hvc1
  // Absent: a message of the only or first track, without a multitrack header.
  std::optional<std::uint8_t> track_id;
};
// Without a track id H.264, AAC and MP3 get the legacy header, which every player understands; everything
// else the enhanced one. MP3's sound rate and channels in the legacy header are for show: 44 kHz stereo.
TagHeader make_tag_header(const TagHeaderFields& fields);

}  // namespace millrace::rtmp
