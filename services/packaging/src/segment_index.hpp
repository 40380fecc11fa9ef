// All retained logs of one stream as one list of segments, and which of them a playlist lists. Sans-IO.
//
// Everything is a function of the logs: two indexes fed with the same retained past list the same segments
// under the same numbers, so that packaging may die at any moment. Listings only move forward: neither the
// first nor the last listed media sequence ever decreases while logs grow and are recycled.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "log_segments.hpp"
#include "media/log.hpp"

namespace millrace::packaging {

struct WindowPolicy {
  std::size_t segments = 10;  // HLS_WINDOW_SEGMENTS
  // A window shrinks to this length, and to what the log's limit on pinned records (LogInfo::pinned_limit_us)
  // covers of it, as long again after it and the growing segment; but never below kLeastTargets target
  // durations.
  std::int64_t longest_us = 50'000'000;
  static constexpr std::int64_t kLeastTargets = 3;  // RFC 8216 6.2.2
  static constexpr std::size_t kMostSegments = 1000;
  std::int64_t reconnect_grace_us = 60'000'000;  // RECONNECT_GRACE_SECONDS
  static constexpr std::int64_t kEndToldTargets = 3;
};

// One publication's log in the index, with what its slot says.
struct PublicationLog {
  PublicationLog(PublicationId id, Epoch epoch_number, std::uint64_t first, std::uint32_t writer, bool slate,
                 LogSegments::Numbers numbers = LogSegments::Numbers::kInARow)
      : publication_id(id),
        epoch(epoch_number),
        is_slate(slate),
        first_sequence(first),
        incarnation(writer),
        segments(id, first, writer, numbers) {}
  PublicationId publication_id;
  Epoch epoch;
  bool is_slate;                              // what it has is gaps, behind the source of its epoch
  std::uint64_t first_sequence;               // of the log's first record ever
  std::uint32_t incarnation;                  // of its writer
  std::uint32_t target_duration_s = 0;        // 0: not fixed (yet), nothing of it is listed
  std::uint32_t part_target_us = 0;           // 0: no parts
  std::uint64_t first_dependent_segment = 0;  // as LogInfo has it
  std::int64_t pinned_limit_us = 120'000'000;
  std::int64_t clock_offset_us = 0;  // as LogInfo has it
  bool was_closed = false;           // for good: whoever published may not come back
  LogSegments segments;
  std::vector<media::TimelineBeginning> timelines{};  // of what segments has, oldest first

  bool knows_timeline(std::uint32_t discontinuity_sequence) const;
};

struct Listing {
  // Media sequences without a gap; may be fetched, and are to be kept in the log.
  std::vector<Segment> offered;
  // offered[first_listed..] are listed; the ones before left the list lately. All of them did: there is no
  // list any more.
  std::size_t first_listed = 0;
  // What follows the last offered one, with the parts that are closed (LogSegments::growing).
  std::optional<Segment> growing;
  // Where the timelines of what is offered begin, though it may have left the log; as far as it is known.
  std::vector<media::TimelineBeginning> timelines{};
  std::uint32_t part_target_us = 0;  // 0: no parts
  std::uint32_t target_duration_seconds = 1;
  // Up to the newest offered segment all that the retained logs know of begin with a whole picture of the
  // first video track.
  bool independent = true;
  // Of what is offered last and no gap: the clock that its dates are of (LogInfo); 0: not known.
  std::int64_t clock_offset_us = 0;
  std::int64_t grace_us = 0;  // how long whoever publishes may stay away
  bool ended = false;         // for good: it was closed, or nobody came back within the grace time
  bool long_ended = false;    // and who follows it has had the time to see it

  // One past the last offered segment that is no gap, which is always offered. 0: nothing is.
  std::size_t media_end() const;
  // What is said of renditions is said of the segments from here on: those that are listed, and where these
  // are gaps all the last one with something.
  std::size_t first_described() const;

  // nullptr: it is not known.
  const media::TimelineBeginning* timeline(std::uint32_t discontinuity_sequence) const;

  // Does what is offered last go on? A growing segment of another publication, a gap
  // or one behind a break, ends it.
  bool goes_on() const {
    return growing && !growing->is_gap && !offered.empty() &&
           growing->publication_id == offered.back().publication_id &&
           growing->discontinuity_sequence == offered.back().discontinuity_sequence;
  }
};

class SegmentIndex {
 public:
  explicit SegmentIndex(const WindowPolicy& policy) : policy_(policy) {}

  // The log of this publication; added in epoch order if it is new, a slate behind what it stands in for.
  PublicationLog& log(PublicationId publication_id, Epoch epoch, std::uint64_t first_sequence = 0,
                      std::uint32_t incarnation = 0, bool is_slate = false);
  // Its slot was freed, or it is to be read again from what is retained.
  void forget(PublicationId publication_id);
  const std::vector<std::unique_ptr<PublicationLog>>& logs() const { return logs_; }

  // Drops what is too old to be offered; call after feeding.
  void trim();
  Listing listing(std::int64_t now_monotonic_us) const;

 private:
  using Row = std::vector<const Segment*>;  // in the logs

  Row newest_in_a_row() const;
  std::optional<Segment> growing_after(const Segment& last) const;
  std::size_t first_listed(const Row& segments, std::uint32_t target_s) const;
  std::size_t first_staying(const Row& segments, std::size_t listed, std::int64_t window_us,
                            std::int64_t now_monotonic_us) const;
  std::uint32_t target_duration_s() const;
  std::uint32_t part_target_us() const;
  std::int64_t clock_offset_us(PublicationId publication_id) const;
  std::int64_t longest_window_us(std::int64_t target_us) const;
  std::int64_t silent_us(std::int64_t now_monotonic_us) const;
  std::int64_t grace_us() const;
  bool independent_up_to(std::uint64_t media_sequence) const;

  WindowPolicy policy_;
  std::vector<std::unique_ptr<PublicationLog>> logs_;  // by epoch
};

}  // namespace millrace::packaging
