#include "containers/mp4/testing/finished_file.hpp"

#include "containers/mp4/box_reader.hpp"
#include "containers/mp4/init_segment.hpp"
#include "containers/mp4/movie.hpp"

namespace millrace::mp4::test {
namespace {

// A table's entries behind version, flags and count; count is bounded by what is there.
struct Table {
  ByteReader reader;
  std::uint8_t version = 0;
  std::uint32_t count = 0;
};

std::optional<Table> open_table(ByteView stbl, std::string_view type) {
  const auto box = find_box(stbl, {type});
  if (!box || box->size() < 8) return std::nullopt;
  Table table{ByteReader(*box)};
  table.version = table.reader.u8();
  table.reader.skip(3);
  table.count = table.reader.u32();
  return table;
}

bool read_sizes(ByteView stbl, FinishedTrack& track) {
  auto table = open_table(stbl, "stsz");
  if (!table || table->count != 0) return false;
  const std::uint32_t count = table->reader.u32();
  if (count > table->reader.remaining() / 4) return false;
  track.samples.resize(count);
  for (FinishedSample& sample : track.samples) sample.size = table->reader.u32();
  return true;
}

bool read_times(ByteView stbl, FinishedTrack& track) {
  auto table = open_table(stbl, "stts");
  if (!table) return false;
  std::uint64_t time = 0;
  std::size_t next = 0;
  for (std::uint32_t i = 0; i < table->count; ++i) {
    const std::uint32_t run = table->reader.u32();
    const std::uint32_t delta = table->reader.u32();
    if (!table->reader.ok() || run > track.samples.size() - next) return false;
    for (std::uint32_t n = 0; n < run; ++n, time += delta) {
      track.samples[next].duration = delta;
      track.samples[next++].decode_time = time;
    }
  }
  return next == track.samples.size();
}

bool read_composition(ByteView stbl, FinishedTrack& track) {
  auto table = open_table(stbl, "ctts");
  if (!table) return true;
  track.ctts_version = table->version;
  std::size_t next = 0;
  for (std::uint32_t i = 0; i < table->count; ++i) {
    const std::uint32_t run = table->reader.u32();
    const auto offset = static_cast<std::int32_t>(table->reader.u32());
    if (!table->reader.ok() || run > track.samples.size() - next) return false;
    for (std::uint32_t n = 0; n < run; ++n) track.samples[next++].composition_offset = offset;
  }
  return next == track.samples.size();
}

bool read_keys(ByteView stbl, FinishedTrack& track) {
  auto table = open_table(stbl, "stss");
  for (FinishedSample& sample : track.samples) sample.key = !table;
  for (std::uint32_t i = 0; table && i < table->count; ++i) {
    const std::uint32_t number = table->reader.u32();
    if (number == 0 || number > track.samples.size()) return false;
    track.samples[number - 1].key = true;
  }
  return true;
}

bool read_recoveries(ByteView stbl, FinishedTrack& track) {
  auto table = open_table(stbl, "sbgp");
  if (!table) return true;
  if (table->count != four_cc("rap ") || !find_box(stbl, {"sgpd"})) return false;
  const std::uint32_t count = table->reader.u32();
  std::size_t next = 0;
  for (std::uint32_t i = 0; i < count; ++i) {
    const std::uint32_t run = table->reader.u32();
    const std::uint32_t group = table->reader.u32();
    if (!table->reader.ok() || run > track.samples.size() - next || group > 1) return false;
    for (std::uint32_t n = 0; n < run; ++n) track.samples[next++].recovery = group == 1;
  }
  return true;
}

std::optional<std::vector<std::uint64_t>> read_chunks(ByteView stbl, FinishedTrack& track) {
  auto table = open_table(stbl, "stco");
  if (!table) {
    table = open_table(stbl, "co64");
    track.large_offsets = true;
  }
  if (!table || table->count > table->reader.remaining() / 4) return std::nullopt;
  std::vector<std::uint64_t> chunks(table->count);
  for (std::uint64_t& chunk : chunks) chunk = track.large_offsets ? table->reader.u64() : table->reader.u32();
  if (!table->reader.ok()) return std::nullopt;
  return chunks;
}

bool read_offsets(ByteView stbl, FinishedTrack& track) {
  const auto chunks = read_chunks(stbl, track);
  auto table = open_table(stbl, "stsc");
  if (!chunks || !table || table->count == 0) return false;
  std::size_t next = 0;
  std::uint32_t until = table->reader.u32();
  std::uint32_t left = table->count;
  std::uint32_t samples = 0;
  std::uint32_t description = 1;
  for (std::uint32_t number = 1; number <= chunks->size(); ++number) {
    if (left > 0 && number == until) {
      samples = table->reader.u32();
      description = table->reader.u32();
      if (description == 0 || description > sample_descriptions(track.track)) return false;
      if (--left > 0) until = table->reader.u32();
    }
    if (!table->reader.ok() || samples > track.samples.size() - next) return false;
    std::uint64_t offset = (*chunks)[number - 1];
    for (std::uint32_t n = 0; n < samples; ++n) {
      track.samples[next].offset = offset;
      track.samples[next].description = description;
      offset += track.samples[next++].size;
    }
  }
  return next == track.samples.size();
}

bool read_edit(ByteView trak, FinishedTrack& track) {
  auto box = find_box(trak, {"edts", "elst"});
  if (!box) return false;
  ByteReader reader(*box);
  const bool wide = reader.u8() == 1;
  reader.skip(3);
  const std::uint32_t count = reader.u32();
  if (count == 2) {
    track.edit.delay = wide ? reader.u64() : reader.u32();
    const auto media =
        wide ? static_cast<std::int64_t>(reader.u64()) : static_cast<std::int32_t>(reader.u32());
    if (media != -1 || reader.u32() != 0x00010000) return false;
  }
  track.edit.duration = wide ? reader.u64() : reader.u32();
  track.edit.media_time = wide ? reader.u64() : reader.u32();
  return reader.ok() && (count == 1 || count == 2);
}

bool within(const FinishedTrack& track, std::size_t size) {
  for (const FinishedSample& sample : track.samples) {
    if (sample.offset > size || sample.size > size - sample.offset) return false;
  }
  return true;
}

}  // namespace

std::optional<std::vector<FinishedTrack>> read_finished(ByteView file) {
  const auto moov = find_box(file, {"moov"});
  if (!moov) return std::nullopt;
  const auto descriptions = read_tracks(*moov);
  if (!descriptions) return std::nullopt;
  std::vector<FinishedTrack> tracks;
  BoxReader boxes(*moov);
  while (const auto box = boxes.next()) {
    if (box->type != four_cc("trak")) continue;
    FinishedTrack track;
    track.track = (*descriptions)[tracks.size()];
    const auto stbl = find_box(box->payload, {"mdia", "minf", "stbl"});
    if (!stbl || !read_sizes(*stbl, track) || !read_times(*stbl, track) || !read_composition(*stbl, track) ||
        !read_keys(*stbl, track) || !read_recoveries(*stbl, track) || !read_offsets(*stbl, track) ||
        !read_edit(box->payload, track) || !within(track, file.size())) {
      return std::nullopt;
    }
    tracks.push_back(std::move(track));
  }
  return tracks;
}

std::int64_t presented_us(const FinishedTrack& track, const FinishedSample& sample) {
  const std::int64_t media = static_cast<std::int64_t>(sample.decode_time) + sample.composition_offset -
                             static_cast<std::int64_t>(track.edit.media_time);
  return static_cast<std::int64_t>(track.edit.delay) * 1'000'000 / kMovieTimescale +
         media * 1'000'000 / track.track.timescale;
}

}  // namespace millrace::mp4::test
