#include "containers/mp4/finish.hpp"

#include <algorithm>
#include <limits>
#include <map>
#include <set>

#include "containers/mp4/box_writer.hpp"
#include "containers/mp4/edit_list.hpp"
#include "containers/mp4/errors.hpp"
#include "containers/mp4/movie.hpp"
#include "containers/mp4/sample_table.hpp"

namespace millrace::mp4 {
namespace {

constexpr std::size_t kCopyBytes = 1U << 20;
constexpr std::uint64_t kMax32 = std::numeric_limits<std::uint32_t>::max();

// What the first pass learns.
struct Index {
  std::map<std::uint32_t, CountedTrack> tracks;  // by id
  std::uint64_t payload_size = 0;
};

Result<void> add_movie(Index& index, const FragmentedFileReader::Movie& movie, const LeadIns& lead_ins) {
  for (const Track& track : movie.tracks) {
    const auto lead_in = lead_ins.find(track.id);
    const SampleWalk walk(lead_in == lead_ins.end() ? 0 : lead_in->second);
    Track& known = index.tracks.try_emplace(track.id, CountedTrack{track, {}, walk}).first->second.track;
    if (continues(track, known)) {
      known = track;
    } else if (!continues(known, track)) {
      return fail("mp4.tracks", "a track changes within the file");
    }
  }
  return {};
}

Result<void> count_fragment(Index& index, const FragmentHeader& header) {
  for (const TrackRun& run : header.runs) {
    const auto entry = index.tracks.find(run.track_id);
    if (entry == index.tracks.end()) return fail("mp4.tracks", "a fragment of an unknown track");
    CountedTrack& counted = entry->second;
    if (run.description > sample_descriptions(counted.track))
      return fail("mp4.tracks", "a fragment with an unknown sample description");
    counted.walk.add(run, 0, counted.counts);
  }
  index.payload_size += header.payload_size;
  return {};
}

// visit_movie, visit_fragment: of each whole part, until one fails.
template <class VisitMovie, class VisitFragment>
Result<void> each_part(const FileSource& source, VisitMovie visit_movie, VisitFragment visit_fragment) {
  FragmentedFileReader reader(source);
  while (true) {
    auto part = reader.next();
    if (!part) return tl::unexpected(part.error());
    if (!*part) return {};
    Result<void> visited;
    if (const auto* movie = std::get_if<FragmentedFileReader::Movie>(&**part)) visited = visit_movie(*movie);
    if (const auto* fragment = std::get_if<FragmentedFileReader::Fragment>(&**part))
      visited = visit_fragment(*fragment);
    if (!visited) return visited;
  }
}

Result<Index> read_index(const FileSource& source, const LeadIns& lead_ins) {
  Index index;
  const auto read = each_part(
      source, [&](const FragmentedFileReader::Movie& movie) { return add_movie(index, movie, lead_ins); },
      [&](const FragmentedFileReader::Fragment& fragment) { return count_fragment(index, fragment.header); });
  if (!read) return tl::unexpected(read.error());
  std::erase_if(index.tracks, [](const auto& entry) { return entry.second.walk.empty(); });
  if (index.tracks.empty()) return fail(mp4::errors::kEmpty, "the file holds no sample");
  for (auto& [id, counted] : index.tracks) {
    counted.walk.end(counted.counts);
    if (counted.walk.sample_count() > kMax32) return fail("mp4.too_large", "too many samples for one track");
  }
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
  for (const auto& [id, counted] : index.tracks) {
    start = std::min(start, movie_time(counted.walk.presentation_start(), counted.track.timescale));
  }
  return start;
}

Edit edit_of(const CountedTrack& counted, std::int64_t start) {
  const SampleWalk& walk = counted.walk;
  const std::uint32_t timescale = counted.track.timescale;
  const std::int64_t length = walk.presentation_end() - walk.presentation_start();
  Edit edit;
  edit.delay = static_cast<std::uint64_t>(movie_time(walk.presentation_start(), timescale) - start);
  // Never cuts the last sample.
  edit.duration = static_cast<std::uint64_t>(movie_time(length, timescale)) + 1;
  edit.media_time = static_cast<std::uint64_t>(walk.presentation_start() + walk.composition_shift() -
                                               walk.first_decode_time());
  return edit;
}

std::uint64_t movie_duration(const Index& index, std::int64_t start) {
  std::uint64_t duration = 0;
  for (const auto& [id, counted] : index.tracks) {
    const Edit edit = edit_of(counted, start);
    duration = std::max(duration, edit.delay + edit.duration);
  }
  return duration;
}

// ftyp, moov and the header of mdat without the entries of the sample tables, which stand between its pieces.
struct Header {
  struct Gap {
    std::size_t at = 0;  // of bytes
    std::uint32_t track = 0;
    Table table = Table::kTimes;
    std::uint64_t size = 0;
  };
  ByteWriter bytes;
  std::vector<Gap> gaps;   // in order
  std::uint64_t size = 0;  // with what stands in the gaps: where the payloads begin

  void write(const Index& index, bool large);

 private:
  void write_file_type(const Index& index);
  void write_track(const CountedTrack& counted, const Edit& edit, bool large, bool alternative);
};

void Header::write_file_type(const Index& index) {
  const Box ftyp(bytes, "ftyp");
  bytes.text("isom");
  bytes.u32(0x200);
  bytes.text("isomiso2");
  const bool avc = std::any_of(index.tracks.begin(), index.tracks.end(),
                               [](const auto& entry) { return entry.second.track.codec == Codec::kAvc; });
  if (avc) bytes.text("avc1");
  bytes.text("mp41");
}

void Header::write_track(const CountedTrack& counted, const Edit& edit, bool large, bool alternative) {
  const std::uint64_t tables = counted.table_bytes(large);
  Box trak(bytes, "trak");
  trak.add_elsewhere(tables);
  write_track_header(bytes, counted.track, edit.delay + edit.duration, alternative);
  write_edit_list(bytes, edit);
  Box mdia(bytes, "mdia");
  mdia.add_elsewhere(tables);
  write_media_header(bytes, counted.track, counted.walk.duration());
  write_handler(bytes, counted.track);
  Box minf(bytes, "minf");
  minf.add_elsewhere(tables);
  write_media_information(bytes, counted.track.type);
  write_sample_tables(bytes, counted, large, [&](Table table, std::uint64_t table_bytes) {
    gaps.push_back({bytes.size(), counted.track.id, table, table_bytes});
  });
}

void Header::write(const Index& index, bool large) {
  std::uint64_t tables = 0;
  for (const auto& [id, counted] : index.tracks) tables += counted.table_bytes(large);
  write_file_type(index);
  {
    Box moov(bytes, "moov");
    moov.add_elsewhere(tables);
    const std::int64_t start = movie_start(index);
    write_movie_header(bytes, movie_duration(index, start), index.tracks.rbegin()->first + 1);
    std::set<TrackType> seen;
    for (const auto& [id, counted] : index.tracks) {
      const bool alternative = !seen.insert(counted.track.type).second;
      write_track(counted, edit_of(counted, start), large, alternative);
    }
  }
  bytes.u32(large ? 1 : static_cast<std::uint32_t>(8 + index.payload_size));
  bytes.text("mdat");
  if (large) bytes.u64(16 + index.payload_size);
  size = bytes.size() + tables;
}

Result<Header> header_of(const Index& index) {
  for (const bool large : {false, true}) {
    Header header;
    header.write(index, large);
    if (header.size > kMax32) return fail("mp4.too_large", "the index does not fit into its box");
    if (large || header.size + index.payload_size <= kMax32) return header;
  }
  return fail("mp4.too_large");
}

using TablePlaces = std::map<std::uint32_t, std::array<TablePlace, kTables>>;  // by track id

// The header's pieces; where the tables' entries belong.
Result<TablePlaces> write_header(const Header& header, const FileSink& sink) {
  TablePlaces places;
  std::uint64_t offset = 0;
  std::size_t written = 0;
  const auto write_until = [&](std::size_t end) -> Result<void> {
    const ByteView piece = header.bytes.view().subspan(written, end - written);
    auto result = sink.write(offset, piece);
    offset += piece.size();
    written = end;
    return result;
  };
  for (const Header::Gap& gap : header.gaps) {
    if (auto result = write_until(gap.at); !result) return tl::unexpected(result.error());
    places[gap.track][static_cast<std::size_t>(gap.table)] = {offset, gap.size};
    offset += gap.size;
  }
  if (auto result = write_until(header.bytes.size()); !result) return tl::unexpected(result.error());
  return places;
}

// The second pass: tables and payloads.
class BodyWriter {
 public:
  BodyWriter(const Index& index, const Header& header, const TablePlaces& places, const FileSource& source,
             const FileSink& sink)
      : source_(source), sink_(sink), begin_(header.size), size_(index.payload_size), buffer_(kCopyBytes) {
    const bool large = begin_ + size_ > kMax32;
    for (const auto& [id, counted] : index.tracks) {
      tracks_.try_emplace(id, SampleWalk{}, TableWriter(counted, places.at(id), begin_, large, sink.write));
    }
  }

  Result<void> add(const FragmentedFileReader::Fragment& fragment) {
    std::uint64_t offset = copied_;
    for (const TrackRun& run : fragment.header.runs) {
      const auto found = tracks_.find(run.track_id);
      if (found == tracks_.end()) return fail(mp4::errors::kChanged, "another track while it was finished");
      auto& [walk, tables] = found->second;
      walk.add(run, offset, tables);
      if (!tables.result()) return tables.result();
      for (const FragmentSample& sample : run.samples) offset += sample.size;
    }
    return copy(fragment.payload_offset, fragment.header.payload_size);
  }

  Result<void> end() {
    if (copied_ != size_) return fail(mp4::errors::kChanged, "another size while it was finished");
    for (auto& [id, track] : tracks_) {
      auto& [walk, tables] = track;
      walk.end(tables);
      if (auto finished = tables.finish(); !finished) return finished;
    }
    return {};
  }

 private:
  Result<void> copy(std::uint64_t offset, std::uint64_t size) {
    if (size > size_ - copied_) return fail(mp4::errors::kChanged, "another size while it was finished");
    for (std::uint64_t done = 0; done < size;) {
      const auto count = static_cast<std::size_t>(std::min<std::uint64_t>(kCopyBytes, size - done));
      const std::span<std::uint8_t> piece(buffer_.data(), count);
      if (auto read = source_.read(offset + done, piece); !read) return read;
      if (auto written = sink_.write(begin_ + copied_, piece); !written) return written;
      done += count;
      copied_ += count;
    }
    return {};
  }

  const FileSource& source_;
  const FileSink& sink_;
  const std::uint64_t begin_;  // of the payloads
  const std::uint64_t size_;
  std::uint64_t copied_ = 0;
  Bytes buffer_;
  std::map<std::uint32_t, std::pair<SampleWalk, TableWriter>> tracks_;
};

}  // namespace

Result<Finished> finish(const FileSource& source, const FileSink& sink, const LeadIns& lead_ins) {
  const auto index = read_index(source, lead_ins);
  if (!index) return tl::unexpected(index.error());
  const auto header = header_of(*index);
  if (!header) return tl::unexpected(header.error());
  Finished finished;
  finished.size = header->size + index->payload_size;
  finished.duration_us =
      static_cast<std::uint64_t>(movie_duration(*index, movie_start(*index))) * 1'000'000 / kMovieTimescale;
  for (const auto& [id, counted] : index->tracks) finished.samples += counted.walk.sample_count();

  if (sink.reserve) {
    if (auto reserved = sink.reserve(finished.size); !reserved) return tl::unexpected(reserved.error());
  }
  const auto places = write_header(*header, sink);
  if (!places) return tl::unexpected(places.error());
  BodyWriter body(*index, *header, *places, source, sink);
  const auto copied = each_part(
      source, [](const FragmentedFileReader::Movie&) { return Result<void>{}; },
      [&](const FragmentedFileReader::Fragment& fragment) { return body.add(fragment); });
  if (!copied) return tl::unexpected(copied.error());
  if (auto ended = body.end(); !ended) return tl::unexpected(ended.error());
  return finished;
}

}  // namespace millrace::mp4
