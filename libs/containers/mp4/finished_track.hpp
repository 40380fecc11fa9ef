// The samples of a finished MP4, by its sample tables: where each stands in the file, when it is decoded
// and presented. For who cuts fragments out of one without writing it anew. Outside data: every table is
// held against the others and against the file's size, so that what comes out can be relied on.
//
// ISO/IEC 14496-12 8.5 to 8.7. Tables stay as runs, as they stand in the file: about 4 bytes per sample.
// Immutable once read; any thread.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "containers/mp4/fragment.hpp"
#include "containers/mp4/fragmented_file.hpp"
#include "containers/mp4/track.hpp"

namespace millrace::mp4 {

// Bytes of a file.
struct FileRange {
  std::uint64_t offset = 0;
  std::uint64_t size = 0;
  bool operator==(const FileRange&) const = default;
};

class FinishedTrack {
 public:
  // From stbl's payload; delay is added to all decode times. "mp4.tables": damaged.
  static Result<FinishedTrack> read(Track track, ByteView stbl, std::uint64_t file_size, std::int64_t delay);

  const Track& track() const { return track_; }
  std::uint32_t samples() const { return samples_; }
  // sample: from 0, less than samples(). Times are in the track's timescale, on a clock that all tracks of
  // the file share; decode times are never negative. Presentation is decode_time() plus the composition
  // offset.
  std::int64_t decode_time(std::uint32_t sample) const;
  std::int64_t presentation_time(std::uint32_t sample) const;
  std::int64_t end() const { return duration_ + delay_; }  // of the last sample's decoding
  // The first sample that is decoded then or later; samples() when there is none.
  std::uint32_t first_at(std::int64_t decode_time) const;
  bool is_key(std::uint32_t sample) const;
  // The first key frame from there on; samples() when there is none.
  std::uint32_t next_key(std::uint32_t sample) const;
  std::uint32_t size(std::uint32_t sample) const { return sizes_.empty() ? uniform_size_ : sizes_[sample]; }

  // Samples [first, end) as a run of a fragment, and where their bytes are, in order; neighbours are joined.
  TrackRun run(std::uint32_t first, std::uint32_t end) const;
  std::vector<FileRange> bytes_of(std::uint32_t first, std::uint32_t end) const;

  std::size_t memory() const;

 private:
  struct TimeRun {
    std::uint32_t first = 0;  // sample
    std::uint32_t delta = 0;
    std::int64_t time = 0;  // of the first
  };
  struct OffsetRun {
    std::uint32_t first = 0;
    std::int32_t offset = 0;
  };
  struct Chunk {
    std::uint32_t first = 0;
    std::uint64_t offset = 0;
  };

  bool read_times(ByteView stts);
  bool read_offsets(ByteView ctts);
  bool read_keys(ByteView stss);
  bool read_sizes(ByteView stsz);
  bool read_chunks(ByteView stsc, ByteView offsets, bool large);
  bool fits(std::uint64_t file_size) const;
  std::uint64_t sum_of_sizes(std::uint32_t first, std::uint32_t end) const;
  std::uint32_t chunk_end(std::size_t chunk) const;

  Track track_;
  std::uint32_t samples_ = 0;
  std::int64_t duration_ = 0;
  std::int64_t delay_ = 0;
  std::uint32_t uniform_size_ = 0;
  bool all_keys_ = true;
  std::vector<TimeRun> times_;
  std::vector<OffsetRun> offsets_;  // none: all 0
  std::vector<std::uint32_t> keys_;
  std::vector<std::uint32_t> sizes_;
  std::vector<Chunk> chunks_;
};

inline constexpr std::uint64_t kMaxMovieBox = 64ULL << 20;
inline constexpr std::uint32_t kMaxSamples = 16U << 20;  // of a track
inline constexpr std::size_t kMaxFinishedTracks = 32;    // more are left out
// What edits leave out of a track's beginning is read with it: less than this, for what begins behind a key
// frame. A file that leaves out more is refused.
inline constexpr std::int64_t kMaxHiddenSeconds = 10;

// The tracks whose codec is one of ours, in the file's order. What their edit lists say of their beginnings
// is in their decode times, all of them as much later as keeps these from being negative: composition
// offsets stay as they are, for readers disagree about negative ones. "mp4.moov": no movie box, a damaged
// one, or a fragmented file; "mp4.tables": damaged tables; "mp4.too_large": more than the bounds above;
// else the source's errors.
Result<std::vector<FinishedTrack>> read_finished_tracks(const FileSource& source);

}  // namespace millrace::mp4
