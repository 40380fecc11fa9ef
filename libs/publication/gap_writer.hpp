// Writes the log that stands in for a source while its publisher is away: gaps in real time that take the
// stream's next segment and part numbers, so that its lists move on and who waits is answered. Sans-IO: times
// are passed in.
//
//   segment of 2 s, parts of up to 342 ms   |  1 |  2 |  3 |  4 |  5 |  6 ||  7 | ...    six of 333 ms
//
// A piece is written when it is over, and says all of itself; so whatever instant the log ends at, what is in
// it is whole, and the next log goes on from its numbers. Pieces have one length: a segment's, or where the
// stream has parts the largest share of it that is no longer than the part target. They are in the timeline
// of what was before: it is what comes back that begins another.
//
// Owner: one thread at a time.
#pragma once

#include <cstdint>
#include <memory>

#include "base/result.hpp"
#include "base/wall_time.hpp"
#include "media/arena_writer.hpp"

namespace millrace::publication {

// Of the stream's continuation: how long a piece is, in a segment of so many.
struct GapPieces {
  std::int64_t length_us = 0;
  std::uint32_t in_segment = 1;
  bool are_parts = false;

  static GapPieces of(const media::StreamContinuation& stream);
};

class GapWriter {
 public:
  // More pieces at once, of a writer that was held up for longer, are not written: the gap goes on from now.
  static constexpr std::int64_t kMostAtOnce = 64;

  // log: of the role kSlate. The first piece begins at began_us (CLOCK_MONOTONIC), whose date is began.
  GapWriter(std::unique_ptr<media::LogWriter> log, std::int64_t began_us, WallTime began);

  // Writes what is over by now; how much of that there was. Errors: as LogWriter::reserve.
  Result<std::uint64_t> advance(std::int64_t now_us);
  // When the next piece is over.
  std::int64_t due_us() const { return piece_us_ + pieces_.length_us; }
  void finish(media::LogEnd reason) { log_->end(reason); }

  const media::LogWriter& log() const { return *log_; }
  // Of the newest piece.
  std::uint64_t media_sequence() const { return media_sequence_; }
  std::int64_t arrival_us() const { return piece_us_; }
  std::uint32_t parts() const { return part_; }

 private:
  media::SampleRecord next_piece() const;

  std::unique_ptr<media::LogWriter> log_;
  GapPieces pieces_;
  std::uint64_t media_sequence_;
  std::uint32_t discontinuity_sequence_;
  std::uint32_t written_ = 0;  // of the segment
  std::uint32_t part_ = 0;
  std::int64_t began_us_;
  WallTime began_;
  std::int64_t piece_us_;  // where the next one begins
};

}  // namespace millrace::publication
