#include "containers/mp4/init_segment.hpp"

#include <algorithm>
#include <set>

#include "containers/mp4/box_reader.hpp"
#include "containers/mp4/box_writer.hpp"
#include "containers/mp4/errors.hpp"
#include "containers/mp4/movie.hpp"
#include "containers/mp4/sample_description.hpp"

namespace millrace::mp4 {
namespace {

constexpr std::size_t kMaxTracks = 16;

void write_file_type(ByteWriter& writer, std::size_t tracks) {
  const Box ftyp(writer, "ftyp");
  writer.text("iso6");
  writer.u32(1);  // minor_version
  writer.text("iso6");
  if (tracks == 1) writer.text("cmfc");  // a CMAF track file has one track
  writer.text("mp41");
}

// The sample tables are there, and empty: the samples are in the fragments.
void write_empty_tables(ByteWriter& writer) {
  for (const char* const type : {"stts", "stsc", "stco"}) {
    const Box table(writer, type, 0, 0);
    writer.u32(0);
  }
  const Box stsz(writer, "stsz", 0, 0);
  writer.u32(0);
  writer.u32(0);
}

void write_track(ByteWriter& writer, const Track& track, bool alternative) {
  const Box trak(writer, "trak");
  write_track_header(writer, track, 0, alternative);
  const Box mdia(writer, "mdia");
  write_media_header(writer, track, 0);
  write_handler(writer, track);
  const Box minf(writer, "minf");
  write_media_information(writer, track.type);
  const Box stbl(writer, "stbl");
  write_sample_description(writer, track);
  write_empty_tables(writer);
}

void write_movie_extends(ByteWriter& writer, std::span<const Track> tracks) {
  const Box mvex(writer, "mvex");
  for (const Track& track : tracks) {
    const Box trex(writer, "trex", 0, 0);
    writer.u32(track.id);
    writer.u32(1);  // default_sample_description_index
    writer.u32(0);  // duration, size and flags stand in each fragment
    writer.u32(0);
    writer.u32(0);
  }
}

bool read_track(ByteView trak, Track& track) {
  const auto tkhd = find_box(trak, {"tkhd"});
  const auto mdhd = find_box(trak, {"mdia", "mdhd"});
  const auto stsd = find_box(trak, {"mdia", "minf", "stbl", "stsd"});
  if (!tkhd || !mdhd || !stsd) return false;
  ByteReader header(*tkhd);
  header.skip(header.u8() == 1 ? 19 : 11);
  track.id = header.u32();
  if (!header.ok() || !read_media_header(*mdhd, track) || track.id == 0 || track.timescale == 0 ||
      !read_sample_description(*stsd, track))
    return false;
  if (const auto hdlr = find_box(trak, {"mdia", "hdlr"})) read_handler(*hdlr, track);
  return true;
}

}  // namespace

Bytes init_segment(std::span<const Track> tracks) {
  ByteWriter writer(1024);
  write_file_type(writer, tracks.size());
  {
    const Box moov(writer, "moov");
    std::uint32_t next_id = 1;
    for (const Track& track : tracks) next_id = std::max(next_id, track.id + 1);
    write_movie_header(writer, 0, next_id);
    std::set<TrackType> seen;
    for (const Track& track : tracks) write_track(writer, track, !seen.insert(track.type).second);
    write_movie_extends(writer, tracks);
  }
  return writer.take();
}

Result<std::vector<Track>> read_tracks(ByteView moov) {
  std::vector<Track> tracks;
  BoxReader reader(moov);
  while (const auto box = reader.next()) {
    if (box->type != four_cc("trak")) continue;
    Track track;
    if (tracks.size() == kMaxTracks || !read_track(box->payload, track))
      return fail(mp4::errors::kMoov, "a track is damaged");
    for (const Track& other : tracks) {
      if (other.id == track.id) return fail(mp4::errors::kMoov, "two tracks have the same number");
    }
    tracks.push_back(std::move(track));
  }
  if (!reader.ok() || tracks.empty())
    return fail(mp4::errors::kMoov, "the movie box is damaged or has no track");
  return tracks;
}

}  // namespace millrace::mp4
