#include "containers/mp4/sample_table.hpp"

#include <algorithm>
#include <limits>

#include "containers/mp4/box_writer.hpp"
#include "containers/mp4/errors.hpp"
#include "containers/mp4/sample_description.hpp"

namespace millrace::mp4 {

void SampleWalk::add(const TrackRun& run, std::uint64_t payload_offset, TableEntries& entries) {
  if (run.samples.empty()) return;
  entries.chunk(payload_offset);
  ++chunks_;
  const auto count = static_cast<std::uint32_t>(run.samples.size());
  if (count != chunk_samples_ || run.description != chunk_description_)
    entries.chunk_run(chunks_, count, run.description);
  chunk_samples_ = count;
  chunk_description_ = run.description;
  auto decode_time = static_cast<std::int64_t>(run.base_decode_time);
  for (const FragmentSample& sample : run.samples) {
    add_sample(sample, decode_time, entries);
    decode_time += sample.duration;
  }
}

void SampleWalk::add_sample(const FragmentSample& sample, std::int64_t decode_time, TableEntries& entries) {
  const std::int64_t presented = decode_time + sample.composition_offset;
  if (samples_ == 0) {
    first_decode_time_ = decode_time;
    media_start_ = presentation_end_ = presented;
    offsets_ = {0, sample.composition_offset};
  } else {
    const std::int64_t delta = decode_time - last_decode_time_;
    add_duration(static_cast<std::uint32_t>(
                     std::clamp<std::int64_t>(delta, 0, std::numeric_limits<std::uint32_t>::max())),
                 entries);
  }
  if (samples_ >= lead_in_)
    presentation_start_ = samples_ == lead_in_ ? presented : std::min(presentation_start_, presented);
  ++samples_;
  last_decode_time_ = decode_time;
  last_duration_ = sample.duration;
  media_start_ = std::min(media_start_, presented);
  presentation_end_ = std::max(presentation_end_, presented + sample.duration);
  entries.size(sample.size);
  if (sample.key) entries.key(static_cast<std::uint32_t>(samples_));
  add_recovery(sample.recovery, entries);
  if (offsets_.offset != sample.composition_offset) {
    entries.offset_run(offsets_.samples, offsets_.offset);
    offsets_ = {0, sample.composition_offset};
  }
  ++offsets_.samples;
}

void SampleWalk::add_duration(std::uint32_t delta, TableEntries& entries) {
  duration_ += delta;
  if (times_.samples > 0 && times_.delta != delta) {
    entries.time_run(times_.samples, times_.delta);
    times_.samples = 0;
  }
  ++times_.samples;
  times_.delta = delta;
}

void SampleWalk::add_recovery(bool recovery, TableEntries& entries) {
  if (recoveries_.samples > 0 && recoveries_.recovery != recovery) {
    entries.recovery_run(recoveries_.samples, recoveries_.recovery);
    recoveries_.samples = 0;
  }
  ++recoveries_.samples;
  recoveries_.recovery = recovery;
}

void SampleWalk::end(TableEntries& entries) {
  if (samples_ == 0) return;
  add_duration(last_duration_, entries);
  entries.time_run(times_.samples, times_.delta);
  entries.offset_run(offsets_.samples, offsets_.offset);
  if (recoveries_.recovery) entries.recovery_run(recoveries_.samples, true);
}

std::int64_t SampleWalk::composition_shift() const {
  return std::max<std::int64_t>(0, first_decode_time_ - media_start_);
}

void TableCounts::time_run(std::uint32_t /*samples*/, std::uint32_t /*delta*/) {
  ++count(Table::kTimes);
}
void TableCounts::offset_run(std::uint32_t /*samples*/, std::int32_t offset) {
  const bool first = count(Table::kOffsets)++ == 0;
  smallest_offset_ = first ? offset : std::min(smallest_offset_, offset);
}
void TableCounts::key(std::uint32_t /*sample*/) {
  ++count(Table::kKeys);
}
void TableCounts::size(std::uint32_t /*bytes*/) {
  ++count(Table::kSizes);
}
void TableCounts::chunk_run(std::uint32_t /*first_chunk*/, std::uint32_t /*samples*/,
                            std::uint32_t /*description*/) {
  ++count(Table::kChunkRuns);
}
void TableCounts::chunk(std::uint64_t /*payload_offset*/) {
  ++count(Table::kChunks);
}
void TableCounts::recovery_run(std::uint32_t /*samples*/, bool /*recovery*/) {
  ++count(Table::kRecoveries);
}

bool CountedTrack::has(Table table) const {
  if (table == Table::kOffsets)
    return counts[table] != 1 || counts.smallest_offset() + walk.composition_shift() != 0;
  if (table == Table::kKeys) return track.type == TrackType::kVideo && counts[table] != counts[Table::kSizes];
  if (table == Table::kRecoveries) return track.type == TrackType::kVideo && counts[table] > 0;
  return true;
}

std::uint64_t CountedTrack::table_bytes(Table table, bool large) const {
  if (!has(table)) return 0;
  constexpr std::array<std::uint64_t, kTables> kEntryBytes = {8, 8, 4, 4, 12, 4, 8};
  const bool wide = large && table == Table::kChunks;
  return counts[table] * (wide ? 8 : kEntryBytes[static_cast<std::size_t>(table)]);
}

std::uint64_t CountedTrack::table_bytes(bool large) const {
  std::uint64_t bytes = 0;
  for (std::size_t table = 0; table < kTables; ++table)
    bytes += table_bytes(static_cast<Table>(table), large);
  return bytes;
}

namespace {

constexpr std::string_view kRecoveryGroup = "rap ";

// The group of open random access points: an entry that leaves open how many leading pictures follow.
void write_recovery_group(ByteWriter& writer) {
  const Box sgpd(writer, "sgpd", 1, 0);
  writer.text(kRecoveryGroup);
  writer.u32(1);  // bytes an entry takes
  writer.u32(1);  // entries
  writer.u8(0);
}

}  // namespace

void write_sample_tables(ByteWriter& writer, const CountedTrack& counted, bool large,
                         const std::function<void(Table, std::uint64_t bytes)>& place) {
  Box stbl(writer, "stbl");
  stbl.add_elsewhere(counted.table_bytes(large));
  write_sample_description(writer, counted.track);
  // Version 1 has signed offsets; older readers know only version 0, so it is used wherever it can express
  // the same.
  const bool negative = counted.counts.smallest_offset() + counted.walk.composition_shift() < 0;
  const std::array<const char*, kTables> types = {
      "stts", "ctts", "stss", "stsz", "stsc", large ? "co64" : "stco", "sbgp"};
  for (std::size_t number = 0; number < kTables; ++number) {
    const auto table = static_cast<Table>(number);
    if (!counted.has(table)) continue;
    const std::uint64_t bytes = counted.table_bytes(table, large);
    if (table == Table::kRecoveries) write_recovery_group(writer);
    Box box(writer, types[number], table == Table::kOffsets && negative ? 1 : 0, 0);
    box.add_elsewhere(bytes);
    if (table == Table::kSizes) writer.u32(0);  // they differ
    if (table == Table::kRecoveries) writer.text(kRecoveryGroup);
    writer.u32(static_cast<std::uint32_t>(counted.counts[table]));
    place(table, bytes);
  }
}

TableWriter::TableWriter(const CountedTrack& counted, const std::array<TablePlace, kTables>& places,
                         std::uint64_t base, bool large, Write write)
    : places_(places),
      base_(base),
      composition_shift_(counted.walk.composition_shift()),
      large_(large),
      write_(std::move(write)) {}

void TableWriter::time_run(std::uint32_t samples, std::uint32_t delta) {
  put(Table::kTimes, {samples, delta});
}
void TableWriter::offset_run(std::uint32_t samples, std::int32_t offset) {
  put(Table::kOffsets, {samples, static_cast<std::uint32_t>(offset + composition_shift_)});
}
void TableWriter::key(std::uint32_t sample) {
  put(Table::kKeys, {sample});
}
void TableWriter::size(std::uint32_t bytes) {
  put(Table::kSizes, {bytes});
}
void TableWriter::chunk_run(std::uint32_t first_chunk, std::uint32_t samples, std::uint32_t description) {
  put(Table::kChunkRuns, {first_chunk, samples, description});
}
void TableWriter::chunk(std::uint64_t payload_offset) {
  const std::uint64_t offset = base_ + payload_offset;
  if (large_) {
    put(Table::kChunks, {static_cast<std::uint32_t>(offset >> 32), static_cast<std::uint32_t>(offset)});
  } else {
    put(Table::kChunks, {static_cast<std::uint32_t>(offset)});
  }
}
void TableWriter::recovery_run(std::uint32_t samples, bool recovery) {
  put(Table::kRecoveries, {samples, recovery ? 1U : 0U});
}

// A table that is left out has no place.
void TableWriter::put(Table table, std::initializer_list<std::uint32_t> values) {
  const auto number = static_cast<std::size_t>(table);
  if (places_[number].offset == 0) return;
  for (const std::uint32_t value : values) buffers_[number].u32(value);
  if (buffers_[number].size() >= kBufferBytes) flush(number);
}

void TableWriter::flush(std::size_t table) {
  TablePlace& place = places_[table];
  const Bytes bytes = buffers_[table].take();
  buffers_[table] = ByteWriter(kBufferBytes + 16);
  if (!result_ || bytes.empty()) return;
  if (bytes.size() > place.size) {
    result_ = fail(mp4::errors::kChanged, "the file changed while it was finished");
    return;
  }
  result_ = write_(place.offset, bytes);
  place.offset += bytes.size();
  place.size -= bytes.size();
}

Result<void> TableWriter::finish() {
  for (std::size_t table = 0; table < kTables; ++table) flush(table);
  for (const TablePlace& place : places_) {
    if (result_ && place.size > 0)
      result_ = fail(mp4::errors::kChanged, "the file changed while it was finished");
  }
  return result_;
}

}  // namespace millrace::mp4
