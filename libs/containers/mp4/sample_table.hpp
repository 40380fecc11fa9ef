// The sample tables of a finished track (ISO/IEC 14496-12 8.5 to 8.7), gathered run by run: at most 17 bytes
// a sample.
#pragma once

#include <cstdint>
#include <vector>

#include "containers/mp4/fragment.hpp"
#include "containers/mp4/track.hpp"

namespace millrace::mp4 {

class SampleTable {
 public:
  // The next run of the track. payload_offset: of its first sample, counted from the beginning of all
  // payloads. A sample lasts until the next one begins; only for the last one its own duration counts.
  void add(const TrackRun& run, std::uint64_t payload_offset);

  bool empty() const { return sizes_.empty(); }
  std::uint64_t sample_count() const { return sizes_.size(); }

  // In the track's timescale, on the timeline of the fragments.
  std::int64_t first_decode_time() const { return first_decode_time_; }
  std::int64_t presentation_start() const { return presentation_start_; }
  std::int64_t presentation_end() const { return presentation_end_; }
  // Sum of all durations.
  std::uint64_t duration() const;
  // What is added to each composition offset so that no sample is presented before media time 0.
  std::int64_t composition_shift() const;

  // stbl. Chunk offsets are payload offsets plus base, 64 bits wide (co64) when large.
  void write(ByteWriter& writer, const Track& track, std::uint64_t base, bool large) const;

 private:
  struct TimeRun {
    std::uint32_t count;
    std::uint32_t delta;
  };
  struct OffsetRun {
    std::uint32_t count;
    std::int32_t offset;
  };
  struct ChunkRun {
    std::uint32_t first_chunk;
    std::uint32_t samples;
  };

  void add_sample(const FragmentSample& sample, std::int64_t decode_time);
  void add_duration(std::uint32_t delta);
  void write_times(ByteWriter& writer) const;
  void write_composition(ByteWriter& writer) const;
  void write_sizes(ByteWriter& writer) const;
  void write_chunks(ByteWriter& writer, std::uint64_t base, bool large) const;
  void write_keys(ByteWriter& writer) const;

  std::vector<TimeRun> times_;  // without the last sample
  std::vector<OffsetRun> offsets_;
  std::vector<std::uint32_t> sizes_;
  std::vector<std::uint32_t> keys_;  // sample numbers from 1
  std::vector<ChunkRun> chunk_runs_;
  std::vector<std::uint64_t> chunks_;
  std::int64_t first_decode_time_ = 0;
  std::int64_t last_decode_time_ = 0;
  std::uint32_t last_duration_ = 0;
  std::int64_t presentation_start_ = 0;
  std::int64_t presentation_end_ = 0;
};

}  // namespace millrace::mp4
