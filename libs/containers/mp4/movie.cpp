#include "containers/mp4/movie.hpp"

#include <algorithm>
#include <string_view>

#include "base/utf8.hpp"
#include "containers/mp4/box_writer.hpp"

namespace millrace::mp4 {
namespace {

// Unity, 16.16 and 2.30 fixed point (14496-12 6.2.2).
void write_matrix(ByteWriter& writer) {
  for (const std::uint32_t value : {0x00010000U, 0U, 0U, 0U, 0x00010000U, 0U, 0U, 0U, 0x40000000U})
    writer.u32(value);
}

constexpr std::uint16_t kUndetermined = 0x55C4;  // "und"
constexpr std::uint8_t kBeforeLetters = 0x60;

std::string_view usual_name(TrackType type) {
  return type == TrackType::kVideo ? "Video" : "Sound";
}

// Three letters of five bits each (14496-12 8.4.2.3).
std::uint16_t packed_language(std::string_view language) {
  if (language.size() != 3) return kUndetermined;
  std::uint16_t packed = 0;
  for (const char letter : language) {
    if (letter < 'a' || letter > 'z') return kUndetermined;
    packed = static_cast<std::uint16_t>(packed << 5 | (static_cast<std::uint8_t>(letter) - kBeforeLetters));
  }
  return packed;
}

std::string unpacked_language(std::uint16_t packed) {
  if (packed == kUndetermined) return {};
  std::string language;
  for (const unsigned shift : {10U, 5U, 0U}) {
    const unsigned letter = packed >> shift & 0x1F;
    if (letter == 0 || letter > 26) return {};
    language += static_cast<char>(kBeforeLetters + letter);
  }
  return language;
}

}  // namespace

void write_movie_header(ByteWriter& writer, std::uint64_t duration, std::uint32_t next_track_id) {
  const std::uint8_t version = version_for(duration);
  const Box mvhd(writer, "mvhd", version, 0);
  write_time(writer, version,
             0);  // creation and modification time: not stated, so that equal input gives equal bytes
  write_time(writer, version, 0);
  writer.u32(kMovieTimescale);
  write_time(writer, version, duration);
  writer.u32(0x00010000);  // rate 1.0
  writer.u16(0x0100);      // volume 1.0
  writer.zeros(10);
  write_matrix(writer);
  writer.zeros(24);
  writer.u32(next_track_id);
}

void write_track_header(ByteWriter& writer, const Track& track, std::uint64_t duration, bool alternative) {
  constexpr std::uint32_t kEnabledInMovie = 3;
  constexpr std::uint32_t kInMovie = 2;
  constexpr std::uint16_t kVideoGroup = 1;
  constexpr std::uint16_t kAudioGroup = 2;
  const std::uint8_t version = version_for(duration);
  const Box tkhd(writer, "tkhd", version, alternative ? kInMovie : kEnabledInMovie);
  write_time(writer, version, 0);
  write_time(writer, version, 0);
  writer.u32(track.id);
  writer.u32(0);
  write_time(writer, version, duration);
  writer.zeros(8);
  writer.u16(0);                                                            // layer
  writer.u16(track.type == TrackType::kAudio ? kAudioGroup : kVideoGroup);  // alternate_group
  writer.u16(track.type == TrackType::kAudio ? 0x0100 : 0);
  writer.u16(0);
  write_matrix(writer);
  writer.u32(track.width << 16);
  writer.u32(track.height << 16);
}

void write_media_header(ByteWriter& writer, const Track& track, std::uint64_t duration) {
  const std::uint8_t version = version_for(duration);
  const Box mdhd(writer, "mdhd", version, 0);
  write_time(writer, version, 0);
  write_time(writer, version, 0);
  writer.u32(track.timescale);
  write_time(writer, version, duration);
  writer.u16(packed_language(track.language));
  writer.u16(0);
}

void write_handler(ByteWriter& writer, const Track& track) {
  const Box hdlr(writer, "hdlr", 0, 0);
  writer.u32(0);
  const bool video = track.type == TrackType::kVideo;
  writer.text(video ? "vide" : "soun");
  writer.zeros(12);
  writer.text(track.name.empty() ? usual_name(track.type) : std::string_view(track.name));
  writer.u8(0);
}

bool read_media_header(ByteView mdhd, Track& track) {
  ByteReader reader(mdhd);
  const bool wide = reader.u8() == 1;
  reader.skip(3 + (wide ? 16 : 8));
  track.timescale = reader.u32();
  reader.skip(wide ? 8 : 4);
  track.language = unpacked_language(reader.u16());
  return reader.ok();
}

void read_handler(ByteView hdlr, Track& track) {
  constexpr std::size_t kBeforeName = 4 + 4 + 4 + 12;
  if (hdlr.size() <= kBeforeName) return;
  std::string_view name = as_text(hdlr.subspan(kBeforeName));
  name = name.substr(0, std::min(name.find('\0'), kMaxTrackName));
  track.name = name == usual_name(track.type) || !is_valid_utf8(name) ? std::string_view() : name;
}

void write_media_information(ByteWriter& writer, TrackType type) {
  if (type == TrackType::kVideo) {
    const Box vmhd(writer, "vmhd", 0, 1);
    writer.zeros(8);
  } else {
    const Box smhd(writer, "smhd", 0, 0);
    writer.zeros(4);
  }
  constexpr std::uint32_t kSelfContained = 1;
  const Box dinf(writer, "dinf");
  const Box dref(writer, "dref", 0, 0);
  writer.u32(1);
  const Box url(writer, "url ", 0, kSelfContained);
}

}  // namespace millrace::mp4
