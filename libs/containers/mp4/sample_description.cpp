#include "containers/mp4/sample_description.hpp"

#include <algorithm>
#include <array>

#include "containers/mp4/box_reader.hpp"
#include "containers/mp4/box_writer.hpp"
#include "containers/mp4/elementary_stream.hpp"

namespace millrace::mp4 {
namespace {

constexpr std::size_t kVideoEntryFields = 78;
constexpr std::uint16_t kUsualSampleSize = 16;
// STREAMINFO in dfLa's payload: behind version, flags and the metadata block's header.
constexpr std::size_t kFlacBitsPerSample = 4 + 4 + 12;

struct EntryType {
  Codec codec;
  TrackType type;
  const char* entry;
  const char* box;  // nullptr: esds
};

// 14496-15 5.4.2, 8.4.1; AV1 binding 2.2; VP binding; Opus in ISOBMFF 4.3; FLAC in ISOBMFF 3.3; TS 102 366
// F.3, F.5; 14496-14 5.6.
constexpr std::array kEntryTypes = {
    EntryType{Codec::kAvc, TrackType::kVideo, "avc1", "avcC"},
    EntryType{Codec::kHevc, TrackType::kVideo, "hvc1", "hvcC"},
    EntryType{Codec::kAv1, TrackType::kVideo, "av01", "av1C"},
    EntryType{Codec::kVp9, TrackType::kVideo, "vp09", "vpcC"},
    EntryType{Codec::kOpus, TrackType::kAudio, "Opus", "dOps"},
    EntryType{Codec::kFlac, TrackType::kAudio, "fLaC", "dfLa"},
    EntryType{Codec::kAc3, TrackType::kAudio, "ac-3", "dac3"},
    EntryType{Codec::kEac3, TrackType::kAudio, "ec-3", "dec3"},
    EntryType{Codec::kAac, TrackType::kAudio, "mp4a", nullptr},
    EntryType{Codec::kMp3, TrackType::kAudio, "mp4a", nullptr},
};

void write_configuration(ByteWriter& writer, const EntryType& type, ByteView configuration) {
  if (type.box == nullptr) return write_elementary_stream(writer, type.codec, configuration);
  const Box box(writer, type.box);
  writer.append(configuration);
}

// 14496-12 12.1.5
void write_colour(ByteWriter& writer, const codecs::Colour& colour) {
  const Box colr(writer, "colr");
  writer.text("nclx");
  writer.u16(colour.primaries);
  writer.u16(colour.transfer);
  writer.u16(colour.matrix);
  writer.u8(colour.full_range ? 0x80 : 0);
}

// 14496-12 12.1.6, 12.1.7
void write_hdr(ByteWriter& writer, const codecs::HdrMetadata& hdr) {
  if (hdr.mastering) {
    const Box mdcv(writer, "mdcv");
    for (const std::uint16_t coordinate : hdr.mastering->chromaticity) writer.u16(coordinate);
    writer.u32(hdr.mastering->max_luminance);
    writer.u32(hdr.mastering->min_luminance);
  }
  if (!hdr.light) return;
  const Box clli(writer, "clli");
  writer.u16(hdr.light->max_content);
  writer.u16(hdr.light->max_average);
}

void write_video_entry(ByteWriter& writer, const EntryType& type, const Track& track,
                       ByteView configuration) {
  const Box entry(writer, type.entry);
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
  write_configuration(writer, type, configuration);
  if (track.colour) write_colour(writer, *track.colour);
  write_hdr(writer, track.hdr);
}

// What FLAC's entry must state; the others' is a template value.
std::uint16_t sample_size(Codec codec, ByteView configuration) {
  if (codec != Codec::kFlac || configuration.size() < kFlacBitsPerSample + 2) return kUsualSampleSize;
  const std::uint8_t high = configuration[kFlacBitsPerSample] & 1;
  return static_cast<std::uint16_t>((high << 4 | configuration[kFlacBitsPerSample + 1] >> 4) + 1);
}

void write_audio_entry(ByteWriter& writer, const EntryType& type, const Track& track,
                       ByteView configuration) {
  const Box entry(writer, type.entry);
  writer.zeros(6);
  writer.u16(1);  // data_reference_index
  writer.zeros(8);
  writer.u16(static_cast<std::uint16_t>(track.channels));
  writer.u16(sample_size(type.codec, configuration));
  writer.u32(0);
  writer.u32(track.sample_rate <= 0xFFFF ? track.sample_rate << 16 : 0);
  write_configuration(writer, type, configuration);
}

bool read_configuration(const EntryType& type, ByteView boxes, Track& track) {
  const auto box = find_box(boxes, {type.box == nullptr ? "esds" : type.box});
  if (!box) return false;
  if (type.box == nullptr) return read_elementary_stream(*box, track);
  track.configuration.assign(box->begin(), box->end());
  return true;
}

// False when there is one that is damaged.
bool read_colour(ByteView boxes, Track& track) {
  const auto colr = find_box(boxes, {"colr"});
  if (!colr) return true;
  ByteReader reader(*colr);
  if (reader.u32() != four_cc("nclx")) return true;
  codecs::Colour colour;
  colour.primaries = static_cast<std::uint8_t>(reader.u16());
  colour.transfer = static_cast<std::uint8_t>(reader.u16());
  colour.matrix = static_cast<std::uint8_t>(reader.u16());
  colour.full_range = (reader.u8() & 0x80) != 0;
  if (reader.ok()) track.colour = colour;
  return reader.ok();
}

// One that is damaged is as good as none: pictures can be shown without.
codecs::HdrMetadata read_hdr(ByteView boxes) {
  codecs::HdrMetadata hdr;
  if (const auto mdcv = find_box(boxes, {"mdcv"})) {
    ByteReader reader(*mdcv);
    codecs::MasteringDisplay display;
    for (std::uint16_t& coordinate : display.chromaticity) coordinate = reader.u16();
    display.max_luminance = reader.u32();
    display.min_luminance = reader.u32();
    if (reader.ok()) hdr.mastering = display;
  }
  if (const auto clli = find_box(boxes, {"clli"})) {
    ByteReader reader(*clli);
    codecs::ContentLight light;
    light.max_content = reader.u16();
    light.max_average = reader.u16();
    if (reader.ok()) hdr.light = light;
  }
  return hdr;
}

bool read_video_entry(const EntryType& type, ByteView entry, Track& track) {
  ByteReader reader(entry);
  reader.skip(24);
  track.width = reader.u16();
  track.height = reader.u16();
  reader.skip(kVideoEntryFields - 28);
  if (!reader.ok()) return false;
  track.hdr = read_hdr(reader.rest());
  return read_configuration(type, reader.rest(), track) && read_colour(reader.rest(), track);
}

bool read_audio_entry(const EntryType& type, ByteView entry, Track& track) {
  ByteReader reader(entry);
  reader.skip(16);
  track.channels = reader.u16();
  reader.skip(6);
  track.sample_rate = reader.u32() >> 16;
  return reader.ok() && read_configuration(type, reader.rest(), track);
}

const EntryType* entry_type(Codec codec) {
  const auto* const found = std::find_if(kEntryTypes.begin(), kEntryTypes.end(),
                                         [&](const EntryType& type) { return type.codec == codec; });
  return found == kEntryTypes.end() ? nullptr : &*found;
}

void write_entry(ByteWriter& writer, const Track& track, ByteView configuration) {
  const EntryType* const type = entry_type(track.codec);
  if (type == nullptr) return;
  if (type->type == TrackType::kVideo) {
    write_video_entry(writer, *type, track, configuration);
  } else {
    write_audio_entry(writer, *type, track, configuration);
  }
}

bool read_entry(const BoxView& entry, Track& track) {
  for (const EntryType& type : kEntryTypes) {
    if (entry.type != four_cc(type.entry)) continue;
    track.type = type.type;
    track.codec = type.codec;  // of mp4a: what esds says
    return type.type == TrackType::kVideo ? read_video_entry(type, entry.payload, track)
                                          : read_audio_entry(type, entry.payload, track);
  }
  return false;
}

}  // namespace

void write_sample_description(ByteWriter& writer, const Track& track) {
  const Box stsd(writer, "stsd", 0, 0);
  writer.u32(sample_descriptions(track));
  write_entry(writer, track, track.configuration);
  for (const Bytes& configuration : track.further) write_entry(writer, track, configuration);
}

bool read_sample_description(ByteView stsd, Track& track) {
  track.further.clear();
  ByteReader reader(stsd);
  reader.skip(4);
  const std::uint32_t count = reader.u32();
  BoxReader entries(reader.rest());
  const auto first = entries.next();
  if (count == 0 || count > kMaxSampleDescriptions || !first || !read_entry(*first, track)) return false;
  while (sample_descriptions(track) < count) {
    const auto entry = entries.next();
    Track next = track;
    next.further.clear();
    next.colour.reset();
    if (!entry || !read_entry(*entry, next) || next.codec != track.codec) return false;
    track.further.push_back(std::move(next.configuration));
  }
  return true;
}

}  // namespace millrace::mp4
