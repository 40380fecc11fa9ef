#include "containers/mp4/sample_table.hpp"

#include <algorithm>
#include <limits>

#include "containers/mp4/box_writer.hpp"
#include "containers/mp4/sample_description.hpp"

namespace millrace::mp4 {

void SampleTable::add(const TrackRun& run, std::uint64_t payload_offset) {
  if (run.samples.empty()) return;
  chunks_.push_back(payload_offset);
  const auto count = static_cast<std::uint32_t>(run.samples.size());
  if (chunk_runs_.empty() || chunk_runs_.back().samples != count) {
    chunk_runs_.push_back({static_cast<std::uint32_t>(chunks_.size()), count});
  }
  auto decode_time = static_cast<std::int64_t>(run.base_decode_time);
  for (const FragmentSample& sample : run.samples) {
    add_sample(sample, decode_time);
    decode_time += sample.duration;
  }
}

void SampleTable::add_sample(const FragmentSample& sample, std::int64_t decode_time) {
  const std::int64_t presented = decode_time + sample.composition_offset;
  if (sizes_.empty()) {
    first_decode_time_ = decode_time;
    presentation_start_ = presentation_end_ = presented;
  } else {
    const std::int64_t delta = decode_time - last_decode_time_;
    add_duration(static_cast<std::uint32_t>(
        std::clamp<std::int64_t>(delta, 0, std::numeric_limits<std::uint32_t>::max())));
  }
  last_decode_time_ = decode_time;
  last_duration_ = sample.duration;
  presentation_start_ = std::min(presentation_start_, presented);
  presentation_end_ = std::max(presentation_end_, presented + sample.duration);
  sizes_.push_back(sample.size);
  if (sample.key) keys_.push_back(static_cast<std::uint32_t>(sizes_.size()));
  if (offsets_.empty() || offsets_.back().offset != sample.composition_offset) {
    offsets_.push_back({1, sample.composition_offset});
  } else {
    ++offsets_.back().count;
  }
}

void SampleTable::add_duration(std::uint32_t delta) {
  if (times_.empty() || times_.back().delta != delta) {
    times_.push_back({1, delta});
  } else {
    ++times_.back().count;
  }
}

std::uint64_t SampleTable::duration() const {
  std::uint64_t total = last_duration_;
  for (const TimeRun& run : times_) total += std::uint64_t{run.count} * run.delta;
  return total;
}

std::int64_t SampleTable::composition_shift() const {
  return std::max<std::int64_t>(0, first_decode_time_ - presentation_start_);
}

void SampleTable::write(ByteWriter& writer, const Track& track, std::uint64_t base, bool large) const {
  const Box stbl(writer, "stbl");
  write_sample_description(writer, track);
  write_times(writer);
  write_composition(writer);
  write_keys(writer);
  write_sizes(writer);
  write_chunks(writer, base, large);
}

void SampleTable::write_times(ByteWriter& writer) const {
  const Box stts(writer, "stts", 0, 0);
  std::vector<TimeRun> runs = times_;
  if (!runs.empty() && runs.back().delta == last_duration_) {
    ++runs.back().count;
  } else {
    runs.push_back({1, last_duration_});
  }
  writer.u32(static_cast<std::uint32_t>(runs.size()));
  for (const TimeRun& run : runs) {
    writer.u32(run.count);
    writer.u32(run.delta);
  }
}

// Left out when every sample is presented at its decode time. Version 1 has signed offsets; older readers
// know only version 0, so it is used wherever it can tell the same.
void SampleTable::write_composition(ByteWriter& writer) const {
  const std::int64_t shift = composition_shift();
  if (offsets_.size() == 1 && offsets_.front().offset + shift == 0) return;
  const bool negative = std::any_of(offsets_.begin(), offsets_.end(),
                                    [&](const OffsetRun& run) { return run.offset + shift < 0; });
  const Box ctts(writer, "ctts", negative ? 1 : 0, 0);
  writer.u32(static_cast<std::uint32_t>(offsets_.size()));
  for (const OffsetRun& run : offsets_) {
    writer.u32(run.count);
    writer.u32(static_cast<std::uint32_t>(run.offset + shift));
  }
}

// Left out when every sample is a key frame.
void SampleTable::write_keys(ByteWriter& writer) const {
  if (keys_.size() == sizes_.size()) return;
  const Box stss(writer, "stss", 0, 0);
  writer.u32(static_cast<std::uint32_t>(keys_.size()));
  for (const std::uint32_t key : keys_) writer.u32(key);
}

void SampleTable::write_sizes(ByteWriter& writer) const {
  const Box stsz(writer, "stsz", 0, 0);
  writer.u32(0);
  writer.u32(static_cast<std::uint32_t>(sizes_.size()));
  for (const std::uint32_t size : sizes_) writer.u32(size);
}

void SampleTable::write_chunks(ByteWriter& writer, std::uint64_t base, bool large) const {
  {
    const Box stsc(writer, "stsc", 0, 0);
    writer.u32(static_cast<std::uint32_t>(chunk_runs_.size()));
    for (const ChunkRun& run : chunk_runs_) {
      writer.u32(run.first_chunk);
      writer.u32(run.samples);
      writer.u32(1);  // sample_description_index
    }
  }
  const Box table(writer, large ? "co64" : "stco", 0, 0);
  writer.u32(static_cast<std::uint32_t>(chunks_.size()));
  for (const std::uint64_t chunk : chunks_) {
    if (large) {
      writer.u64(base + chunk);
    } else {
      writer.u32(static_cast<std::uint32_t>(base + chunk));
    }
  }
}

}  // namespace millrace::mp4
