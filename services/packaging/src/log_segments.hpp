// The whole segments of one media log and the parts of all its segments, made from its records alone.
// Sans-IO; thread-compatible.
//
// Whatever retained record the reading begins with, a segment that is whole comes out the same: every number
// is taken from the segment's own records, from the record that begins the next segment, and from the log's
// configurations.
//
// A segment is complete, in all its tracks, when a record of a later one is there and the duration of the
// last frame of each of its video tracks is known: at the track's next sample; where none comes for
// kSilenceUs of the others' time it lasts as long as the frame before it; so it does at the end of the log.
//
// A part is a run of a track's samples with one SampleRecord::part, in one segment. It is closed when the
// track's next one has begun, or with the segment's share of the track: of sound with the first record of a
// later segment, of a picture when the duration of its last frame is known. What a part says never changes
// any more.
//
// A gap, of a log that stands in for a source, is a part of its own, or where there are none a segment: it is
// whole with its one record.
//
// An event is a data message for players. It goes in front of the next part that is closed of the track that
// carries events, in its segment; where the segment has no parts, in front of that track's file of it. That
// is the first picture, or the first sound as long as the segment has nothing of the picture. Of one segment
// as many do as media::EventLimits says.
#pragma once

#include <array>
#include <deque>
#include <limits>
#include <optional>
#include <vector>

#include "base/wall_time.hpp"
#include "media/part_rule.hpp"
#include "media/timed_event.hpp"
#include "segment.hpp"

namespace millrace::packaging {

// Whether the track's part that the record before_record has closed carries events; its file, by default.
bool carries_events(const Segment& segment, std::uint8_t track,
                    std::uint64_t before_record = std::numeric_limits<std::uint64_t>::max());

class LogSegments {
 public:
  // Duration in ticks of a frame that has neither a next nor a previous one in its segment: a thirtieth of a
  // second.
  static constexpr std::uint32_t kLoneFrameDivisor = 30;

  static constexpr std::int64_t kSilenceUs = media::PartRule::kSilenceUs;

  // Of the complete segments: a list of a source's is without a gap, a rendition may lack some.
  enum class Numbers : std::uint8_t { kInARow, kMayJump };

  // first_sequence: of the log's first record ever, incarnation: of its writer (LogInfo).
  explicit LogSegments(PublicationId publication_id, std::uint64_t first_sequence = 0,
                       std::uint32_t incarnation = 0, Numbers numbers = Numbers::kInARow)
      : publication_id_(publication_id),
        first_sequence_(first_sequence),
        incarnation_(incarnation),
        numbers_(numbers) {}
  Numbers numbers() const { return numbers_; }

  // In the order of the log's configuration area, each before the first record that refers to it.
  void add_configuration(const TrackTiming& timing) { configurations_.push_back(timing); }
  // The same where some are not known: that of this index, before the first record that refers to it.
  void set_configuration(std::uint32_t index, const TrackTiming& timing) {
    if (index >= configurations_.size()) configurations_.resize(index + 1);
    configurations_[index] = timing;
  }
  std::size_t configuration_count() const { return configurations_.size(); }

  // Records in order without a gap, beginning anywhere.
  void add(const media::SampleRecord& record);
  enum class Taken : std::uint8_t {
    kTaken,
    kTooMany,     // one more than a segment has
    kNotOffered,  // nor is its segment, whose head is gone
  };
  // What the record that was added last says, if it is of data.
  Taken add_event(const media::SampleRecord& record, const media::TimedEvent& event);
  // There will be no more: the last segment is complete. Calls after the first do nothing.
  void end();
  // Records before this one are not in the log any more: a segment that lost one is not offered.
  void recycled_before(std::uint64_t sequence);
  // Keeps the newest count complete segments only.
  void keep(std::size_t count);

  // Complete segments, oldest first; media sequences as numbers() says.
  const std::deque<Segment>& complete() const { return complete_; }
  // The one that follows, as far as it is known: its closed parts; no durations. nullptr: none has begun.
  const Segment* growing() const {
    if (waiting_) return &waiting_->segment;
    return open_ ? &open_->segment : nullptr;
  }
  // The number of the track's first part that growing() does not have, begun or still to come; nullopt: no
  // part of the track is known.
  std::optional<std::uint32_t> next_part(std::uint8_t track) const;
  bool ended() const { return ended_; }
  // The first record that a segment not complete yet needs; nullopt: none does.
  std::optional<std::uint64_t> growing_from() const;
  // CLOCK_MONOTONIC of the newest record seen; 0 before the first.
  std::int64_t last_arrival_us() const { return last_arrival_us_; }

 private:
  struct Open {
    Segment segment;
    std::optional<std::int64_t> start_us;  // of its media, on the timeline
    std::optional<std::int64_t> next_us;   // where the next segment of the same timeline begins
    std::optional<WallTime> next_wall;     // and its date
    std::uint32_t unsettled = 0;           // bits of video tracks whose last frame's duration is not known
    std::array<Part, media::kMaxTracks> parts{};  // by track: not closed; without samples: none
    std::size_t events_given = 0;                 // of segment.events, to parts
  };

  const TrackTiming* timing_of(const media::SampleRecord& record) const;
  std::int64_t timescale_of(const TrackSpan& span) const {
    return configurations_[span.configuration].timescale;
  }
  void begin_segment(const media::SampleRecord& record);
  void accumulate_gap(const media::SampleRecord& record);
  void close_open(const media::SampleRecord* next);
  void accumulate(const media::SampleRecord& record, const TrackTiming& timing);
  void add_to_part(TrackSpan& span, const media::SampleRecord& record);
  void close_part(Open& open, TrackSpan& span, std::uint32_t last_duration, std::int64_t arrival_us);
  void settle(const media::SampleRecord& record);
  bool is_silent(const TrackSpan& span, const media::SampleRecord& record) const;
  std::int64_t extent_us(const TrackSpan& span) const;
  std::int64_t extent_us(const Segment& segment) const;
  std::int64_t duration_us(const Open& open) const;
  std::int64_t duration_us(const TrackSpan& span, const Open& open) const;
  std::optional<std::int64_t> timeline_us(const media::SampleRecord& record) const;
  void finish_waiting();

  PublicationId publication_id_;
  std::uint64_t first_sequence_;
  std::uint32_t incarnation_;
  Numbers numbers_;
  std::vector<TrackTiming> configurations_;
  std::optional<Open> open_;     // growing
  std::optional<Open> waiting_;  // closed, a last video frame's duration not known yet
  std::optional<std::uint64_t> current_media_sequence_;
  std::deque<Segment> complete_;
  // By track, the number of its newest part; 0: none. Seen also has those whose samples are left out.
  std::array<std::uint32_t, media::kMaxTracks> seen_part_{};
  std::array<std::uint32_t, media::kMaxTracks> begun_part_{};
  std::array<std::uint32_t, media::kMaxTracks> closed_part_{};
  media::EventLimits event_limits_;
  std::int64_t last_arrival_us_ = 0;
  bool ended_ = false;
};

}  // namespace millrace::packaging
