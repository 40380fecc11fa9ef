#include "containers/mp4/finish.hpp"

#include <algorithm>
#include <limits>
#include <set>

#include "containers/mp4/box_writer.hpp"
#include "containers/mp4/edit_list.hpp"
#include "containers/mp4/movie.hpp"
#include "containers/mp4/sample_table.hpp"

namespace millrace::mp4 {
namespace {

constexpr std::size_t kCopyBytes = 1U << 20;
constexpr std::uint64_t kMax32 = std::numeric_limits<std::uint32_t>::max();

struct FinishedTrack {
  Track track;
  SampleTable table;
};

struct Extent {
  std::uint64_t offset;
  std::uint64_t size;
};

// What the first pass gathers.
struct Index {
  std::vector<FinishedTrack> tracks;
  std::vector<Extent> payloads;
  std::uint64_t payload_size = 0;
};

FinishedTrack* find_track(Index& index, std::uint32_t id) {
  for (FinishedTrack& entry : index.tracks) {
    if (entry.track.id == id) return &entry;
  }
  return nullptr;
}

Result<void> add_movie(Index& index, const FragmentedFileReader::Movie& movie) {
  for (const Track& track : movie.tracks) {
    const FinishedTrack* const known = find_track(index, track.id);
    if (known == nullptr) {
      index.tracks.push_back({track, {}});
    } else if (!(known->track == track)) {
      return fail("mp4.tracks", "a track changes within the file");
    }
  }
  return {};
}

Result<void> add_fragment(Index& index, const FragmentedFileReader::Fragment& fragment) {
  std::uint64_t offset = index.payload_size;
  for (const TrackRun& run : fragment.header.runs) {
    FinishedTrack* const entry = find_track(index, run.track_id);
    if (entry == nullptr) return fail("mp4.tracks", "a fragment of an unknown track");
    entry->table.add(run, offset);
    for (const FragmentSample& sample : run.samples) offset += sample.size;
  }
  index.payloads.push_back({fragment.payload_offset, fragment.header.payload_size});
  index.payload_size += fragment.header.payload_size;
  return {};
}

Result<Index> read_index(const FileSource& source) {
  Index index;
  FragmentedFileReader reader(source);
  while (true) {
    auto part = reader.next();
    if (!part) return tl::unexpected(part.error());
    if (!*part) break;
    Result<void> added;
    if (const auto* movie = std::get_if<FragmentedFileReader::Movie>(&**part))
      added = add_movie(index, *movie);
    if (const auto* fragment = std::get_if<FragmentedFileReader::Fragment>(&**part)) {
      added = add_fragment(index, *fragment);
    }
    if (!added) return tl::unexpected(added.error());
  }
  index.tracks.erase(std::remove_if(index.tracks.begin(), index.tracks.end(),
                                    [](const FinishedTrack& entry) { return entry.table.empty(); }),
                     index.tracks.end());
  if (index.tracks.empty()) return fail("mp4.empty", "the file holds no sample");
  std::sort(index.tracks.begin(), index.tracks.end(),
            [](const FinishedTrack& a, const FinishedTrack& b) { return a.track.id < b.track.id; });
  return index;
}

// To kMovieTimescale, to the nearest unit. In two steps, so that no time overflows.
std::int64_t movie_time(std::int64_t time, std::uint32_t timescale) {
  const auto scale = static_cast<std::int64_t>(timescale);
  const std::int64_t seconds = time / scale;
  return seconds * kMovieTimescale + (time % scale * kMovieTimescale + scale / 2) / scale;
}

std::int64_t movie_start(const Index& index) {
  std::int64_t start = std::numeric_limits<std::int64_t>::max();
  for (const auto& [track, table] : index.tracks) {
    start = std::min(start, movie_time(table.presentation_start(), track.timescale));
  }
  return start;
}

Edit edit_of(const FinishedTrack& entry, std::int64_t start) {
  const SampleTable& table = entry.table;
  const std::uint32_t timescale = entry.track.timescale;
  const std::int64_t length = table.presentation_end() - table.presentation_start();
  Edit edit;
  edit.delay = static_cast<std::uint64_t>(movie_time(table.presentation_start(), timescale) - start);
  edit.duration =
      static_cast<std::uint64_t>(movie_time(length, timescale)) + 1;  // never cuts the last sample
  edit.media_time = static_cast<std::uint64_t>(table.presentation_start() + table.composition_shift() -
                                               table.first_decode_time());
  return edit;
}

void write_track(ByteWriter& writer, const FinishedTrack& entry, const Edit& edit, std::uint64_t base,
                 bool large, bool alternative) {
  const Box trak(writer, "trak");
  write_track_header(writer, entry.track, edit.delay + edit.duration, alternative);
  write_edit_list(writer, edit);
  const Box mdia(writer, "mdia");
  write_media_header(writer, entry.track, entry.table.duration());
  write_handler(writer, entry.track.type);
  const Box minf(writer, "minf");
  write_media_information(writer, entry.track.type);
  entry.table.write(writer, entry.track, base, large);
}

std::uint64_t movie_duration(const Index& index, std::int64_t start) {
  std::uint64_t duration = 0;
  for (const FinishedTrack& entry : index.tracks) {
    const Edit edit = edit_of(entry, start);
    duration = std::max(duration, edit.delay + edit.duration);
  }
  return duration;
}

// ftyp, moov and the header of mdat. base: where the payloads begin in the finished file.
Bytes write_header(const Index& index, std::uint64_t base, bool large) {
  ByteWriter writer;
  {
    const Box ftyp(writer, "ftyp");
    writer.text("isom");
    writer.u32(0x200);
    writer.text("isomiso2avc1mp41");
  }
  {
    const Box moov(writer, "moov");
    const std::int64_t start = movie_start(index);
    write_movie_header(writer, movie_duration(index, start), index.tracks.back().track.id + 1);
    std::set<TrackType> seen;
    for (const FinishedTrack& entry : index.tracks) {
      const bool alternative = !seen.insert(entry.track.type).second;
      write_track(writer, entry, edit_of(entry, start), base, large, alternative);
    }
  }
  writer.u32(large ? 1 : static_cast<std::uint32_t>(8 + index.payload_size));
  writer.text("mdat");
  if (large) writer.u64(16 + index.payload_size);
  return writer.take();
}

// The header's size does not depend on base, so writing it once tells where the payloads begin.
Bytes header_of(const Index& index) {
  std::uint64_t base = write_header(index, 0, false).size();
  const bool large = base + index.payload_size > kMax32;
  if (large) base = write_header(index, 0, true).size();
  return write_header(index, base, large);
}

Result<void> copy_payloads(const Index& index, const FileSource& source, const FileSink& sink) {
  Bytes buffer(kCopyBytes);
  for (const Extent& extent : index.payloads) {
    for (std::uint64_t done = 0; done < extent.size;) {
      const auto size = static_cast<std::size_t>(std::min<std::uint64_t>(kCopyBytes, extent.size - done));
      const std::span<std::uint8_t> piece(buffer.data(), size);
      if (auto read = source.read(extent.offset + done, piece); !read) return read;
      if (auto written = sink(piece); !written) return written;
      done += size;
    }
  }
  return {};
}

}  // namespace

Result<Finished> finish(const FileSource& source, const FileSink& sink) {
  const auto index = read_index(source);
  if (!index) return tl::unexpected(index.error());
  const Bytes header = header_of(*index);
  if (auto written = sink(header); !written) return tl::unexpected(written.error());
  if (auto copied = copy_payloads(*index, source, sink); !copied) return tl::unexpected(copied.error());

  Finished finished;
  finished.size = header.size() + index->payload_size;
  finished.duration_us = movie_duration(*index, movie_start(*index)) * 1'000'000 / kMovieTimescale;
  for (const FinishedTrack& entry : index->tracks) finished.samples += entry.table.sample_count();
  return finished;
}

}  // namespace millrace::mp4
