#include "containers/mp4/movie.hpp"

#include "containers/mp4/box_writer.hpp"

namespace millrace::mp4 {
namespace {

// Unity, 16.16 and 2.30 fixed point (14496-12 6.2.2).
void write_matrix(ByteWriter& writer) {
  for (const std::uint32_t value : {0x00010000U, 0U, 0U, 0U, 0x00010000U, 0U, 0U, 0U, 0x40000000U})
    writer.u32(value);
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
  constexpr std::uint16_t kUndetermined = 0x55C4;  // "und"
  const std::uint8_t version = version_for(duration);
  const Box mdhd(writer, "mdhd", version, 0);
  write_time(writer, version, 0);
  write_time(writer, version, 0);
  writer.u32(track.timescale);
  write_time(writer, version, duration);
  writer.u16(kUndetermined);
  writer.u16(0);
}

void write_handler(ByteWriter& writer, TrackType type) {
  const Box hdlr(writer, "hdlr", 0, 0);
  writer.u32(0);
  writer.text(type == TrackType::kVideo ? "vide" : "soun");
  writer.zeros(12);
  writer.text(type == TrackType::kVideo ? "Video" : "Sound");
  writer.u8(0);
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
