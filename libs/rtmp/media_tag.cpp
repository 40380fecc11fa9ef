#include "rtmp/media_tag.hpp"

#include <algorithm>

namespace millrace::rtmp {

namespace {

constexpr std::uint8_t kExVideo = 0x80;
constexpr std::uint8_t kExAudio = 9;  // SoundFormat

// Packet types on the wire.
namespace wire {
constexpr std::uint8_t kSequenceStart = 0;
constexpr std::uint8_t kCodedFrames = 1;
constexpr std::uint8_t kSequenceEnd = 2;
constexpr std::uint8_t kCodedFramesX = 3;          // video
constexpr std::uint8_t kMetadata = 4;              // video
constexpr std::uint8_t kMultichannelConfig = 4;    // audio
constexpr std::uint8_t kMpeg2TsSequenceStart = 5;  // video
constexpr std::uint8_t kAudioMultitrack = 5;
constexpr std::uint8_t kVideoMultitrack = 6;
constexpr std::uint8_t kModEx = 7;
constexpr std::uint8_t kTimestampOffsetNano = 0;  // ModEx type
}  // namespace wire

constexpr std::uint8_t kAvcCodecId = 7;
constexpr std::uint8_t kHevcCodecId = 12;
constexpr std::uint8_t kAacFormat = 10;
constexpr std::uint8_t kMp3Format = 2;
constexpr std::uint8_t kMp3At8KFormat = 14;

PacketKind video_kind(std::uint8_t packet_type) {
  switch (packet_type) {
    case wire::kSequenceStart:
      return PacketKind::kSequenceStart;
    case wire::kCodedFrames:
    case wire::kCodedFramesX:
      return PacketKind::kCodedFrames;
    case wire::kSequenceEnd:
      return PacketKind::kSequenceEnd;
    case wire::kMetadata:
      return PacketKind::kMetadata;
    case wire::kMpeg2TsSequenceStart:
      return PacketKind::kMpeg2TsSequenceStart;
    default:
      return PacketKind::kUnknown;
  }
}

PacketKind audio_kind(std::uint8_t packet_type) {
  switch (packet_type) {
    case wire::kSequenceStart:
      return PacketKind::kSequenceStart;
    case wire::kCodedFrames:
      return PacketKind::kCodedFrames;
    case wire::kSequenceEnd:
      return PacketKind::kSequenceEnd;
    case wire::kMultichannelConfig:
      return PacketKind::kMultichannelConfig;
    default:
      return PacketKind::kUnknown;
  }
}

bool has_composition(FourCc codec) {
  return codec == fourcc::kAvc || codec == fourcc::kHevc;
}

// Reads ModEx headers; gives the packet type behind them.
Result<std::uint8_t> skip_modifiers(std::uint8_t packet_type, ByteReader& reader, MediaTag& tag) {
  constexpr std::uint32_t kOneMillisecond = 1'000'000;
  constexpr std::uint32_t kLongSize = 256;
  for (std::size_t count = 0; packet_type == wire::kModEx; ++count) {
    if (count == MediaTag::kMaxModifiers) return fail("rtmp.modex", "too many ModEx headers");
    std::uint32_t size = reader.u8() + 1U;
    if (size == kLongSize) size = reader.u16() + 1U;
    ByteReader modifier(reader.take(size));
    const std::uint8_t types = reader.u8();
    if (types >> 4 == wire::kTimestampOffsetNano && size >= 3) {
      const std::uint32_t nanoseconds = modifier.u24();
      if (nanoseconds < kOneMillisecond) tag.nanosecond_offset = nanoseconds;
    }
    packet_type = types & 0x0F;
    tag.modified = true;
    if (!reader.ok()) return fail("rtmp.media_tag", "a ModEx header is cut off");
  }
  return packet_type;
}

Result<void> read_multitrack(ByteReader& reader, MediaTag& tag, std::uint8_t multitrack_packet,
                             std::uint8_t& packet_type) {
  const std::uint8_t types = reader.u8();
  packet_type = types & 0x0F;
  if (types >> 4 > static_cast<std::uint8_t>(MultitrackType::kManyTracksManyCodecs))
    return fail("rtmp.multitrack", "a reserved multitrack type");
  if (packet_type == multitrack_packet || packet_type == wire::kModEx)
    return fail("rtmp.multitrack", "a multitrack header within another");
  tag.multitrack = static_cast<MultitrackType>(types >> 4);
  return {};
}

Result<MediaTag> read_enhanced(MediaTag tag, ByteView body) {
  const bool video = tag.type == MessageType::kVideo;
  ByteReader reader(body);
  const std::uint8_t first = reader.u8();
  tag.enhanced = true;
  if (video) tag.frame_type = static_cast<VideoFrameType>(first >> 4 & 7);
  Result<std::uint8_t> after = skip_modifiers(first & 0x0F, reader, tag);
  if (!after) return tl::unexpected<Error>(after.error());
  std::uint8_t packet_type = *after;
  if (video && tag.frame_type == VideoFrameType::kCommand && packet_type != wire::kMetadata) {
    (void)reader.u8();
    tag.kind = PacketKind::kCommand;
    if (!reader.ok()) return fail("rtmp.media_tag", "a video command is cut off");
    return tag;
  }
  const std::uint8_t multitrack_packet = video ? wire::kVideoMultitrack : wire::kAudioMultitrack;
  if (packet_type == multitrack_packet) {
    if (Result<void> read = read_multitrack(reader, tag, multitrack_packet, packet_type); !read)
      return tl::unexpected<Error>(read.error());
  }
  if (tag.multitrack != MultitrackType::kManyTracksManyCodecs) tag.codec = reader.u32();
  if (!reader.ok()) return fail("rtmp.media_tag", "a media message is cut off");
  tag.kind = video ? video_kind(packet_type) : audio_kind(packet_type);
  tag.composition_present = video && packet_type == wire::kCodedFrames;
  tag.parts_begin = static_cast<std::uint32_t>(body.size() - reader.remaining());
  return tag;
}

// Cursor over one part: FourCC, track id and size where there are some, composition time, payload.
bool read_part(const MediaTag& tag, ByteReader& reader, std::size_t body_size, TagPart& part) {
  part.codec = tag.codec;
  if (tag.multitrack == MultitrackType::kManyTracksManyCodecs) part.codec = reader.u32();
  if (tag.multitrack) part.track_id = reader.u8();
  std::size_t size = reader.remaining();
  if (tag.multitrack && tag.multitrack != MultitrackType::kOneTrack) size = reader.u24();
  const auto begin = static_cast<std::uint32_t>(body_size - reader.remaining());
  ByteReader content(reader.take(size));
  if (tag.composition_present && has_composition(part.codec)) part.composition_offset_ms = content.i24();
  part.payload_size = static_cast<std::uint32_t>(content.remaining());
  part.payload_begin = begin + static_cast<std::uint32_t>(size) - part.payload_size;
  return reader.ok() && content.ok();
}

Result<MediaTag> count_parts(MediaTag tag, ByteView body) {
  ByteReader reader(body.subspan(tag.parts_begin));
  do {
    if (tag.part_count == MediaTag::kMaxParts) return fail("rtmp.tracks", "too many tracks in one message");
    TagPart part;
    if (!read_part(tag, reader, body.size(), part))
      return fail("rtmp.media_tag", "a media message is cut off");
    ++tag.part_count;
  } while (!reader.empty());
  return tag;
}

MediaTag legacy_video(MediaTag tag, std::uint8_t first) {
  tag.frame_type = static_cast<VideoFrameType>(first >> 4);
  tag.legacy_codec = first & 0x0F;
  tag.parts_begin = 1;
  if (tag.frame_type == VideoFrameType::kCommand) {
    tag.kind = PacketKind::kCommand;
    return tag;
  }
  tag.kind = PacketKind::kCodedFrames;
  if (tag.legacy_codec == kAvcCodecId) tag.codec = fourcc::kAvc;
  if (tag.legacy_codec == kHevcCodecId) tag.codec = fourcc::kHevc;
  return tag;
}

Result<MediaTag> read_legacy(MediaTag tag, ByteView body) {
  const std::uint8_t first = body.front();
  ByteReader reader(body.subspan(1));
  if (tag.type == MessageType::kVideo) {
    tag = legacy_video(tag, first);
    if (tag.kind == PacketKind::kCommand) return tag;
    if (has_composition(tag.codec)) {
      const std::uint8_t packet_type = reader.u8();
      tag.kind = packet_type <= wire::kSequenceEnd ? video_kind(packet_type) : PacketKind::kUnknown;
      tag.parts_begin = 2;
      // The SI24 is there in every message, but says something in those with pictures only.
      tag.composition_present = true;
      if (reader.remaining() < 3) return fail("rtmp.media_tag", "a video message is cut off");
    }
  } else {
    tag.legacy_codec = first >> 4;
    tag.kind = PacketKind::kCodedFrames;
    tag.parts_begin = 1;
    if (tag.legacy_codec == kMp3Format || tag.legacy_codec == kMp3At8KFormat) tag.codec = fourcc::kMp3;
    if (tag.legacy_codec == kAacFormat) {
      tag.codec = fourcc::kAac;
      const std::uint8_t packet_type = reader.u8();
      tag.kind = packet_type <= wire::kCodedFrames ? audio_kind(packet_type) : PacketKind::kUnknown;
      tag.parts_begin = 2;
      if (!reader.ok()) return fail("rtmp.media_tag", "an audio message is cut off");
    }
  }
  tag.part_count = 1;
  return tag;
}

bool is_enhanced(MessageType type, std::uint8_t first) {
  return type == MessageType::kVideo ? (first & kExVideo) != 0 : first >> 4 == kExAudio;
}

std::uint8_t packet_type_of(const TagHeaderFields& fields) {
  const bool video = fields.type == MessageType::kVideo;
  switch (fields.kind) {
    case PacketKind::kSequenceStart:
      return wire::kSequenceStart;
    case PacketKind::kSequenceEnd:
      return wire::kSequenceEnd;
    case PacketKind::kMetadata:
      return wire::kMetadata;
    case PacketKind::kMultichannelConfig:
      return wire::kMultichannelConfig;
    default:
      return video && has_composition(fields.codec) && fields.composition_offset_ms == 0 ? wire::kCodedFramesX
                                                                                         : wire::kCodedFrames;
  }
}

class HeaderWriter {
 public:
  explicit HeaderWriter(TagHeader& header) : header_(header) {}
  void put(std::uint32_t value, unsigned width) {
    for (unsigned i = width; i-- > 0;)
      header_.bytes.at(header_.size++) = static_cast<std::uint8_t>(value >> (8 * i));
  }

 private:
  TagHeader& header_;
};

bool has_legacy_form(const TagHeaderFields& fields) {
  if (fields.track_id) return false;
  const bool frames = fields.kind == PacketKind::kCodedFrames;
  const bool start = fields.kind == PacketKind::kSequenceStart;
  if (fields.type == MessageType::kVideo)
    return fields.codec == fourcc::kAvc && (frames || start || fields.kind == PacketKind::kSequenceEnd);
  return (fields.codec == fourcc::kAac && (frames || start)) || (fields.codec == fourcc::kMp3 && frames);
}

void write_legacy(const TagHeaderFields& fields, HeaderWriter& out) {
  constexpr std::uint32_t k44KHzStereo = 0x0F;
  const bool start = fields.kind == PacketKind::kSequenceStart;
  if (fields.codec == fourcc::kAvc) {
    out.put(static_cast<std::uint32_t>(fields.frame_type) << 4 | kAvcCodecId, 1);
    out.put(start ? wire::kSequenceStart
                  : (fields.kind == PacketKind::kSequenceEnd ? wire::kSequenceEnd : wire::kCodedFrames),
            1);
    out.put(static_cast<std::uint32_t>(fields.composition_offset_ms), 3);
  } else if (fields.codec == fourcc::kAac) {
    out.put(kAacFormat << 4 | k44KHzStereo, 1);
    out.put(start ? wire::kSequenceStart : wire::kCodedFrames, 1);
  } else {
    out.put(kMp3Format << 4 | k44KHzStereo, 1);
  }
}

}  // namespace

Result<MediaTag> parse_media_tag(MessageType type, ByteView body) {
  if (body.empty()) return fail("rtmp.media_tag", "an empty media message");
  MediaTag tag;
  tag.type = type;
  if (!is_enhanced(type, body.front())) return read_legacy(tag, body);
  Result<MediaTag> read = read_enhanced(tag, body);
  if (!read || read->kind == PacketKind::kCommand) return read;
  return count_parts(*read, body);
}

TagPartReader::TagPartReader(const MediaTag& tag, ByteView body)
    : tag_(tag),
      body_size_(static_cast<std::uint32_t>(body.size())),
      reader_(body.subspan(std::min<std::size_t>(tag.parts_begin, body.size()))) {}

std::optional<TagPart> TagPartReader::next() {
  TagPart part;
  if (given_ == tag_.part_count || !read_part(tag_, reader_, body_size_, part)) return std::nullopt;
  ++given_;
  return part;
}

TagHeader make_tag_header(const TagHeaderFields& fields) {
  const bool video = fields.type == MessageType::kVideo;
  TagHeader header;
  HeaderWriter out(header);
  if (has_legacy_form(fields)) {
    write_legacy(fields, out);
    return header;
  }
  const std::uint8_t packet_type = packet_type_of(fields);
  const std::uint32_t high =
      video ? kExVideo | static_cast<std::uint32_t>(fields.frame_type) << 4 : std::uint32_t{kExAudio} << 4;
  if (fields.track_id) {
    out.put(high | (video ? wire::kVideoMultitrack : wire::kAudioMultitrack), 1);
    out.put(static_cast<std::uint32_t>(MultitrackType::kOneTrack) << 4 | packet_type, 1);
    out.put(fields.codec, 4);
    out.put(*fields.track_id, 1);
  } else {
    out.put(high | packet_type, 1);
    out.put(fields.codec, 4);
  }
  if (video && packet_type == wire::kCodedFrames && has_composition(fields.codec))
    out.put(static_cast<std::uint32_t>(fields.composition_offset_ms), 3);
  return header;
}

}  // namespace millrace::rtmp
