#include "publication/message_prefix.hpp"

#include <cstring>

#include "media/timeline.hpp"
#include "rtmp/media_message.hpp"

namespace millrace::publication {
namespace {

constexpr std::uint32_t kPlayerMessageStream = 1;

std::int32_t offset_ms(const media::SampleRecord& record) {
  return record.composition_offset / static_cast<std::int32_t>(media::Timeline::kVideoTimescale / 1000);
}

// Gives its size. chunk_header: what will stand before it.
std::uint32_t write_tag_header(std::uint8_t* data, std::uint32_t payload_at, const TagPlace& place,
                               const media::SampleRecord& record, std::size_t chunk_header) {
  const bool moved = place.composition_present && (record.flags & media::kSampleRepaired) != 0;
  if (!place.header) {
    // Players see it in the header's last three bytes (FLV E.4.3.2, and Enhanced RTMP).
    for (unsigned i = 0; moved && i < 3; ++i)
      data[payload_at - 3 + i] = static_cast<std::uint8_t>(offset_ms(record) >> (16 - 8 * i));
    return place.header_size;
  }
  rtmp::TagHeader tag = rtmp::make_tag_header(*place.header);
  if (moved) {
    rtmp::TagHeaderFields fields = *place.header;
    fields.composition_offset_ms = offset_ms(record);
    const rtmp::TagHeader longer = rtmp::make_tag_header(fields);
    // CodedFramesX has no place for it: its picture is shown a little late.
    if (longer.size + chunk_header <= payload_at) tag = longer;
  }
  if (tag.size <= payload_at) std::memcpy(data + payload_at - tag.size, tag.bytes.data(), tag.size);
  return static_cast<std::uint32_t>(tag.size);
}

}  // namespace

std::optional<std::uint8_t> write_prefix(const media::LogWriter::Room& room, std::uint32_t payload_at,
                                         const TagPlace& tag, rtmp::MessageType type,
                                         const media::SampleRecord& record) {
  const std::uint32_t payload_size = room.prefix_room + room.body_size - payload_at;
  const std::size_t chunk_header = rtmp::MediaChunkHeader::size_for(record.wire_timestamp_ms);
  const std::uint32_t tag_size = write_tag_header(room.data, payload_at, tag, record, chunk_header);
  const auto size = static_cast<std::uint32_t>(chunk_header) + tag_size;
  if (size > payload_at) return std::nullopt;
  rtmp::media_chunk_header(type, record.wire_timestamp_ms, payload_size + tag_size, kPlayerMessageStream)
      .copy_to(room.data + payload_at - size);
  return static_cast<std::uint8_t>(size);
}

Bytes configuration_prefix(const TrackFormat& format, std::uint32_t timestamp_ms) {
  if (format.no_wire_form) return {};
  const auto size = static_cast<std::uint32_t>(format.tag.size() + format.configuration.size());
  const rtmp::MessageType type = format.annotates.value_or(message_type(format.description.kind));
  const rtmp::MediaChunkHeader header =
      rtmp::media_chunk_header(type, timestamp_ms, size, kPlayerMessageStream);
  Bytes prefix(header.view().begin(), header.view().end());
  prefix.insert(prefix.end(), format.tag.begin(), format.tag.end());
  return prefix;
}

}  // namespace millrace::publication
