#include "containers/mp4/elementary_stream.hpp"

#include "containers/mp4/box_writer.hpp"

namespace millrace::mp4 {
namespace {

constexpr std::uint8_t kEsDescriptor = 3;
constexpr std::uint8_t kDecoderConfigDescriptor = 4;
constexpr std::uint8_t kDecoderSpecificInfo = 5;
constexpr std::uint8_t kSyncLayerConfig = 6;
constexpr std::uint8_t kObjectTypeAac = 0x40;
constexpr std::uint8_t kObjectTypeMpeg2Audio = 0x69;
constexpr std::uint8_t kObjectTypeMpeg1Audio = 0x6B;
constexpr std::uint8_t kAudioStream = 0x15;  // streamType 5, reserved bit

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

}  // namespace

void write_elementary_stream(ByteWriter& writer, Codec codec, ByteView configuration) {
  const Box esds(writer, "esds", 0, 0);
  const bool aac = codec == Codec::kAac;
  const std::size_t specific = aac ? descriptor_size(configuration.size()) : 0;
  const std::size_t decoder = 13 + specific;
  write_descriptor_header(writer, kEsDescriptor, 3 + descriptor_size(decoder) + descriptor_size(1));
  writer.u16(0);  // ES_ID: in a file the track's number is meant (14496-14 3.1.2)
  writer.u8(0);
  write_descriptor_header(writer, kDecoderConfigDescriptor, decoder);
  writer.u8(aac ? kObjectTypeAac : configuration.empty() ? kObjectTypeMpeg1Audio : configuration[0]);
  writer.u8(kAudioStream);
  writer.u24(0);  // bufferSizeDB, maxBitrate, avgBitrate: unknown
  writer.u32(0);
  writer.u32(0);
  if (aac) {
    write_descriptor_header(writer, kDecoderSpecificInfo, configuration.size());
    writer.append(configuration);
  }
  write_descriptor_header(writer, kSyncLayerConfig, 1);
  writer.u8(2);
}

bool read_elementary_stream(ByteView esds, Track& track) {
  ByteReader reader(esds);
  reader.skip(4);
  ByteReader stream(read_descriptor(reader, kEsDescriptor));
  stream.skip(3);
  ByteReader decoder(read_descriptor(stream, kDecoderConfigDescriptor));
  const std::uint8_t object_type = decoder.u8();
  decoder.skip(12);
  if (!decoder.ok()) return false;
  if (object_type == kObjectTypeMpeg1Audio || object_type == kObjectTypeMpeg2Audio) {
    track.codec = Codec::kMp3;
    track.configuration = {object_type};
    return true;
  }
  const ByteView specific = read_descriptor(decoder, kDecoderSpecificInfo);
  track.codec = Codec::kAac;
  track.configuration.assign(specific.begin(), specific.end());
  return decoder.ok() && object_type == kObjectTypeAac && !specific.empty();
}

}  // namespace millrace::mp4
