// The first byte says audio or video. What a tag says lies within the body, and a header made from it reads
// back as it was.
#include <cstdlib>

#include "rtmp/media_tag.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace millrace;
  using namespace millrace::rtmp;
  if (size == 0) return 0;
  const MessageType type = (data[0] & 1) != 0 ? MessageType::kVideo : MessageType::kAudio;
  const ByteView body(data + 1, size - 1);
  const auto tag = parse_media_tag(type, body);
  if (!tag) return 0;
  TagPartReader parts(*tag, body);
  std::uint32_t count = 0;
  for (auto part = parts.next(); part; part = parts.next(), ++count) {
    if (std::size_t{part->payload_begin} + part->payload_size > body.size()) std::abort();
    if (tag->kind > PacketKind::kMultichannelConfig || !tag->enhanced) continue;
    for (const std::optional<std::uint8_t> id : {std::optional<std::uint8_t>(), {part->track_id}}) {
      const TagHeader header =
          make_tag_header({type, part->codec, tag->kind, tag->frame_type, part->composition_offset_ms, id});
      Bytes again(header.view().begin(), header.view().end());
      again.insert(again.end(), body.begin() + part->payload_begin,
                   body.begin() + part->payload_begin + part->payload_size);
      const auto reread = parse_media_tag(type, again);
      if (!reread) std::abort();
      if (reread->kind != tag->kind || reread->kind == PacketKind::kCommand) continue;
      const auto only = TagPartReader(*reread, again).next();
      if (!only || only->payload_size != part->payload_size || only->codec != part->codec) std::abort();
      if (only->composition_offset_ms != part->composition_offset_ms) std::abort();
    }
  }
  if (count != tag->part_count) std::abort();
  return 0;
}
