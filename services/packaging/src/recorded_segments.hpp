// The segments of a stream that its recordings have, derived from what they say of the log exactly as from
// the log: the same names, numbers and times. Sans-IO; one thread at a time.
//
// About 600 bytes per segment of two tracks are kept; parts are not, they are derived again when one is asked
// for.
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <vector>

#include "log_segments.hpp"
#include "media/recorded_log.hpp"
#include "recorded_file.hpp"
#include "track_configuration.hpp"

namespace millrace::http {
class FileHandle;
}

namespace millrace::packaging {

struct RecordedShare {
  std::shared_ptr<const http::FileHandle> file;
  RecordedPlace place;
};

struct RecordedSegment {
  media::RecordedLog log;  // as it was when the segment was written
  Segment segment;         // without parts
  std::vector<std::shared_ptr<const TrackDescription>> descriptions{};  // of segment.tracks, in their order
  std::vector<RecordedShare> shares{};                                  // pieces that have its records
};

using RecordedSegmentPtr = std::shared_ptr<const RecordedSegment>;

class RecordedSegments {
 public:
  // Of the segments those are kept that began within so long of the newest, and are no longer together.
  explicit RecordedSegments(std::int64_t window_us) : window_us_(window_us) {}

  // Pieces of a stream in their order.
  void add(const media::RecordedPiece& piece, RecordedShare share);
  // Whole ones, oldest first; numbers grow.
  const std::deque<RecordedSegmentPtr>& segments() const { return segments_; }
  // What would be whole if nothing followed.
  std::vector<RecordedSegmentPtr> rest() const;

 private:
  struct Held {
    RecordedShare share;
    std::uint64_t first_record = 0, end_record = 0;
  };
  struct Known {
    media::RecordedConfiguration configuration;
    std::shared_ptr<const TrackDescription> description;
  };

  void begin_log(const media::RecordedLog& log);
  void begin_behind_gap();
  void add_event(const media::RecordedSample& sample);
  bool contradicts(const media::RecordedPiece& piece) const;
  void configure(const media::RecordedConfiguration& configuration);
  void take_whole();
  RecordedSegmentPtr made(const Segment& segment) const;
  void forget_old();

  std::int64_t window_us_;
  media::RecordedLog log_;
  LogSegments reading_{PublicationId{}};
  std::optional<std::uint64_t> next_sequence_;  // nullopt: nothing was read yet
  std::vector<Known> known_;                    // by configuration
  std::deque<Held> held_;                       // pieces that segments to come may need
  std::deque<RecordedSegmentPtr> segments_;
  std::int64_t length_us_ = 0;  // of them together
};

}  // namespace millrace::packaging
