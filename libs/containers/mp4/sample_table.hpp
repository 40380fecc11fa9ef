// The sample tables of a finished track (ISO/IEC 14496-12 8.5 to 8.7), made run by run. Memory does not grow
// with the samples: the runs are walked twice, once to count the tables' entries, which shows how large they
// are and where they stand, and once to write them there.
#pragma once

#include <array>
#include <cstdint>
#include <functional>

#include "base/result.hpp"
#include "containers/mp4/fragment.hpp"
#include "containers/mp4/track.hpp"

namespace millrace::mp4 {

// stts, ctts, stss, stsz, stsc, stco or co64, sbgp of 'rap ': in the order they stand in the file.
enum class Table : std::uint8_t { kTimes, kOffsets, kKeys, kSizes, kChunkRuns, kChunks, kRecoveries };
inline constexpr std::size_t kTables = 7;

// What takes the entries of a track's tables, each table's in order.
class TableEntries {
 public:
  virtual ~TableEntries() = default;
  virtual void time_run(std::uint32_t samples, std::uint32_t delta) = 0;
  // offset: as the fragments have it.
  virtual void offset_run(std::uint32_t samples, std::int32_t offset) = 0;
  virtual void key(std::uint32_t sample) = 0;
  virtual void size(std::uint32_t bytes) = 0;
  virtual void chunk_run(std::uint32_t first_chunk, std::uint32_t samples, std::uint32_t description) = 0;
  // payload_offset: counted from the beginning of all payloads.
  virtual void chunk(std::uint64_t payload_offset) = 0;
  // recovery: of each of them. Behind the last recovery point there is no run.
  virtual void recovery_run(std::uint32_t samples, bool recovery) = 0;
};

// Makes entries of runs. A sample lasts until the next one begins; only for the last one its own duration
// counts. Fixed size.
class SampleWalk {
 public:
  // lead_in: so many samples of the beginning are there to decode those behind them, and are not presented.
  explicit SampleWalk(std::uint64_t lead_in = 0) : lead_in_(lead_in) {}

  // The next run of the track; payload_offset: of its first sample.
  void add(const TrackRun& run, std::uint64_t payload_offset, TableEntries& entries);
  // Behind the last run.
  void end(TableEntries& entries);

  bool empty() const { return samples_ == 0; }
  std::uint64_t sample_count() const { return samples_; }
  // In the track's timescale, on the timeline of the fragments.
  std::int64_t first_decode_time() const { return first_decode_time_; }
  // Of what is presented; where that is nothing, of all.
  std::int64_t presentation_start() const { return samples_ > lead_in_ ? presentation_start_ : media_start_; }
  std::int64_t presentation_end() const { return presentation_end_; }
  // Sum of all durations; after end().
  std::uint64_t duration() const { return duration_; }
  // What is added to each composition offset so that no sample is presented before media time 0.
  std::int64_t composition_shift() const;

 private:
  struct TimeRun {
    std::uint32_t samples = 0;
    std::uint32_t delta = 0;
  };
  struct OffsetRun {
    std::uint32_t samples = 0;
    std::int32_t offset = 0;
  };
  struct RecoveryRun {
    std::uint32_t samples = 0;
    bool recovery = false;
  };

  void add_sample(const FragmentSample& sample, std::int64_t decode_time, TableEntries& entries);
  void add_duration(std::uint32_t delta, TableEntries& entries);
  void add_recovery(bool recovery, TableEntries& entries);

  TimeRun times_;  // not given to entries yet
  OffsetRun offsets_;
  RecoveryRun recoveries_;
  std::uint32_t chunk_samples_ = 0;
  std::uint32_t chunk_description_ = 0;
  std::uint32_t chunks_ = 0;
  std::uint64_t lead_in_;
  std::uint64_t samples_ = 0;
  std::uint64_t duration_ = 0;
  std::int64_t first_decode_time_ = 0;
  std::int64_t last_decode_time_ = 0;
  std::uint32_t last_duration_ = 0;
  std::int64_t media_start_ = 0;         // the earliest time of a sample, presented or not
  std::int64_t presentation_start_ = 0;  // without the lead-in
  std::int64_t presentation_end_ = 0;
};

// How many entries there are. Fixed size.
class TableCounts : public TableEntries {
 public:
  void time_run(std::uint32_t samples, std::uint32_t delta) override;
  void offset_run(std::uint32_t samples, std::int32_t offset) override;
  void key(std::uint32_t sample) override;
  void size(std::uint32_t bytes) override;
  void chunk_run(std::uint32_t first_chunk, std::uint32_t samples, std::uint32_t description) override;
  void chunk(std::uint64_t payload_offset) override;
  void recovery_run(std::uint32_t samples, bool recovery) override;

  std::uint64_t operator[](Table table) const { return counts_[static_cast<std::size_t>(table)]; }
  std::int32_t smallest_offset() const { return smallest_offset_; }

 private:
  std::uint64_t& count(Table table) { return counts_[static_cast<std::size_t>(table)]; }

  std::array<std::uint64_t, kTables> counts_{};
  std::int32_t smallest_offset_ = 0;
};

// Where a table's entries stand in the file.
struct TablePlace {
  std::uint64_t offset = 0;  // 0: the table is left out
  std::uint64_t size = 0;
};

// A track whose runs were walked to their end.
struct CountedTrack {
  Track track;
  TableCounts counts;
  SampleWalk walk;

  // False where it says what holds without it: stss where every sample is a key frame, as all sound is; ctts
  // where every sample is presented at its decode time; sbgp where there is no recovery point.
  bool has(Table table) const;
  // Of its entries.
  std::uint64_t table_bytes(Table table, bool large) const;
  std::uint64_t table_bytes(bool large) const;  // of all
};

// stbl without the tables' entries, which a TableWriter puts where place() learns that they belong: at these
// bytes of the writer, and so many. large: chunk offsets take 64 bits (co64).
void write_sample_tables(ByteWriter& writer, const CountedTrack& counted, bool large,
                         const std::function<void(Table, std::uint64_t bytes)>& place);

// Writes the entries where they belong, through a small buffer a table. What goes wrong is kept until finish.
class TableWriter : public TableEntries {
 public:
  using Write = std::function<Result<void>(std::uint64_t offset, ByteView bytes)>;

  // base: where the payloads begin in the file.
  TableWriter(const CountedTrack& counted, const std::array<TablePlace, kTables>& places, std::uint64_t base,
              bool large, Write write);

  void time_run(std::uint32_t samples, std::uint32_t delta) override;
  void offset_run(std::uint32_t samples, std::int32_t offset) override;
  void key(std::uint32_t sample) override;
  void size(std::uint32_t bytes) override;
  void chunk_run(std::uint32_t first_chunk, std::uint32_t samples, std::uint32_t description) override;
  void chunk(std::uint64_t payload_offset) override;
  void recovery_run(std::uint32_t samples, bool recovery) override;

  // So far.
  const Result<void>& result() const { return result_; }
  // Writes what is left. "mp4.changed": there were more or fewer entries than counted.
  Result<void> finish();

 private:
  static constexpr std::size_t kBufferBytes = 8U << 10;

  void put(Table table, std::initializer_list<std::uint32_t> values);
  void flush(std::size_t table);

  std::array<TablePlace, kTables> places_;  // what is left of them
  std::array<ByteWriter, kTables> buffers_;
  std::uint64_t base_;
  std::int64_t composition_shift_;
  bool large_;
  Write write_;
  Result<void> result_;
};

}  // namespace millrace::mp4
