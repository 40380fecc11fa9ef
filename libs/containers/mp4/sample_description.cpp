#include "containers/mp4/sample_description.hpp"

#include "containers/mp4/box_reader.hpp"
#include "containers/mp4/box_writer.hpp"

namespace millrace::mp4 {
namespace {

constexpr std::uint8_t kEsDescriptor = 3;
constexpr std::uint8_t kDecoderConfigDescriptor = 4;
constexpr std::uint8_t kDecoderSpecificInfo = 5;
constexpr std::uint8_t kSyncLayerConfig = 6;
constexpr std::uint8_t kObjectTypeAac = 0x40;
constexpr std::uint8_t kAudioStream = 0x15;  // streamType 5, reserved bit
constexpr std::size_t kVideoEntryFields = 78;

void write_avc_entry(ByteWriter& writer, const Track& track) {
  const Box avc1(writer, "avc1");
  writer.zeros(6);
  writer.u16(1);  // data_reference_index
  writer.zeros(16);
  writer.u16(static_cast<std::uint16_t>(track.width));
  writer.u16(static_cast<std::uint16_t>(track.height));
  writer.u32(0x00480000);  // 72 dpi, both ways
  writer.u32(0x00480000);
  writer.u32(0);
  writer.u16(1);     // frame_count
  writer.zeros(32);  // compressorname
  writer.u16(0x18);  // depth
  writer.u16(0xFFFF);
  const Box avcc(writer, "avcC");
  writer.append(track.configuration);
}

// A descriptor's size: seven bits a byte, the most significant first (14496-1 8.3.3).
void write_descriptor_header(ByteWriter& writer, std::uint8_t tag, std::size_t size) {
  writer.u8(tag);
  for (int shift = 21; shift > 0; shift -= 7) {
    if (size >> shift != 0) writer.u8(static_cast<std::uint8_t>(0x80 | (size >> shift & 0x7F)));
  }
  writer.u8(static_cast<std::uint8_t>(size & 0x7F));
}

std::size_t descriptor_size(std::size_t payload) {
  std::size_t size = payload + 2;
  for (std::size_t rest = payload >> 7; rest != 0; rest >>= 7) ++size;
  return size;
}

void write_elementary_stream(ByteWriter& writer, const Track& track) {
  const Box esds(writer, "esds", 0, 0);
  const std::size_t specific = descriptor_size(track.configuration.size());
  const std::size_t decoder = 13 + specific;
  write_descriptor_header(writer, kEsDescriptor, 3 + descriptor_size(decoder) + descriptor_size(1));
  writer.u16(static_cast<std::uint16_t>(track.id));
  writer.u8(0);
  write_descriptor_header(writer, kDecoderConfigDescriptor, decoder);
  writer.u8(kObjectTypeAac);
  writer.u8(kAudioStream);
  writer.u24(0);  // bufferSizeDB, maxBitrate, avgBitrate: unknown
  writer.u32(0);
  writer.u32(0);
  write_descriptor_header(writer, kDecoderSpecificInfo, track.configuration.size());
  writer.append(track.configuration);
  write_descriptor_header(writer, kSyncLayerConfig, 1);
  writer.u8(2);
}

void write_aac_entry(ByteWriter& writer, const Track& track) {
  const Box mp4a(writer, "mp4a");
  writer.zeros(6);
  writer.u16(1);  // data_reference_index
  writer.zeros(8);
  writer.u16(static_cast<std::uint16_t>(track.channels));
  writer.u16(16);  // samplesize
  writer.u32(0);
  writer.u32(track.sample_rate <= 0xFFFF ? track.sample_rate << 16 : 0);
  write_elementary_stream(writer, track);
}

// The payload of the next descriptor if it has this tag; empty otherwise.
ByteView read_descriptor(ByteReader& reader, std::uint8_t tag) {
  if (reader.u8() != tag) return {};
  std::size_t size = 0;
  for (int i = 0; i < 4; ++i) {
    const std::uint8_t byte = reader.u8();
    size = size << 7 | (byte & 0x7F);
    if ((byte & 0x80) == 0) break;
  }
  return reader.take(size);
}

bool read_elementary_stream(ByteView esds, Track& track) {
  ByteReader reader(esds);
  reader.skip(4);
  ByteReader stream(read_descriptor(reader, kEsDescriptor));
  stream.skip(3);
  ByteReader decoder(read_descriptor(stream, kDecoderConfigDescriptor));
  const std::uint8_t object_type = decoder.u8();
  decoder.skip(12);
  const ByteView specific = read_descriptor(decoder, kDecoderSpecificInfo);
  track.configuration.assign(specific.begin(), specific.end());
  return decoder.ok() && object_type == kObjectTypeAac && !specific.empty();
}

bool read_avc_entry(ByteView entry, Track& track) {
  ByteReader reader(entry);
  reader.skip(24);
  track.type = TrackType::kVideo;
  track.codec = Codec::kAvc;
  track.width = reader.u16();
  track.height = reader.u16();
  reader.skip(kVideoEntryFields - 28);
  const auto avcc = find_box(reader.rest(), {"avcC"});
  if (!reader.ok() || !avcc) return false;
  track.configuration.assign(avcc->begin(), avcc->end());
  return true;
}

bool read_aac_entry(ByteView entry, Track& track) {
  ByteReader reader(entry);
  reader.skip(16);
  track.type = TrackType::kAudio;
  track.codec = Codec::kAac;
  track.channels = reader.u16();
  reader.skip(6);
  track.sample_rate = reader.u32() >> 16;
  const auto esds = find_box(reader.rest(), {"esds"});
  return reader.ok() && esds && read_elementary_stream(*esds, track);
}

}  // namespace

void write_sample_description(ByteWriter& writer, const Track& track) {
  const Box stsd(writer, "stsd", 0, 0);
  writer.u32(1);  // entry_count
  if (track.codec == Codec::kAvc) {
    write_avc_entry(writer, track);
  } else {
    write_aac_entry(writer, track);
  }
}

bool read_sample_description(ByteView stsd, Track& track) {
  ByteReader reader(stsd);
  reader.skip(4);
  if (reader.u32() != 1) return false;
  BoxReader entries(reader.rest());
  const auto entry = entries.next();
  if (!entry) return false;
  if (entry->type == four_cc("avc1")) return read_avc_entry(entry->payload, track);
  if (entry->type == four_cc("mp4a")) return read_aac_entry(entry->payload, track);
  return false;
}

}  // namespace millrace::mp4
