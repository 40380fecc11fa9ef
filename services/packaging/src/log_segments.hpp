// The whole segments of one media log, made from its records alone. Sans-IO; thread-compatible.
//
// Whatever retained record the reading begins with, a segment that is whole comes out the same: every number
// is taken from the segment's own records, from the record that begins the next segment, and from the log's
// configurations.
//
// A segment is complete when a record of a later one is there and, if it has video, when its last frame's
// duration is known: at the next video sample; where none comes for kPictureSilenceUs of the others' time it
// lasts as long as the frame before it; so it does at the end of the log.
#pragma once

#include <deque>
#include <optional>
#include <vector>

#include "media/sample.hpp"
#include "segment.hpp"

namespace millrace::packaging {

class LogSegments {
 public:
  // Duration in ticks of a frame that has neither a next nor a previous one in its segment: a thirtieth of a
  // second.
  static constexpr std::uint32_t kLoneFrameDivisor = 30;

  static constexpr std::int64_t kPictureSilenceUs = 500'000;

  explicit LogSegments(std::uint64_t publication_id) : publication_id_(publication_id) {}

  // In the order of the log's configuration area, each before the first record that refers to it.
  void add_configuration(const TrackTiming& timing) { configurations_.push_back(timing); }
  std::size_t configuration_count() const { return configurations_.size(); }

  // Records in order without a gap, beginning anywhere.
  void add(const media::SampleRecord& record);
  // There will be no more: the last segment is complete. Calls after the first do nothing.
  void end();
  // Records before this one are not in the log any more: a segment that lost one is not offered.
  void recycled_before(std::uint64_t sequence);
  // Keeps the newest count complete segments only.
  void keep(std::size_t count);

  // Complete segments, oldest first; media sequences without a gap.
  const std::deque<Segment>& complete() const { return complete_; }
  bool ended() const { return ended_; }
  // The first record that a segment not complete yet needs; nullopt: none does.
  std::optional<std::uint64_t> growing_from() const;
  // CLOCK_MONOTONIC of the newest record seen; 0 before the first.
  std::int64_t last_arrival_us() const { return last_arrival_us_; }

 private:
  struct Open {
    Segment segment;
    std::array<std::int64_t, kTracks> first_wall_us{};
    std::array<bool, kTracks> not_begun{};  // configured, and without a sample before this segment
    // What a track has that is silent in the segment.
    std::array<std::optional<std::uint32_t>, kTracks> in_force;
    std::optional<std::int64_t> start_us;      // of its media, on the timeline
    std::optional<std::int64_t> next_us;       // where the next segment of the same timeline begins
    std::optional<std::int64_t> next_wall_us;  // and its date
  };

  const TrackTiming* timing_of(const media::SampleRecord& record) const;
  void begin_segment(const media::SampleRecord& record);
  void close_open(const media::SampleRecord* next);
  void accumulate(const media::SampleRecord& record, const TrackTiming& timing);
  void settle_video(const media::SampleRecord& record);
  bool picture_is_silent(const media::SampleRecord& record) const;
  std::int64_t duration_us(const Open& open) const;
  std::optional<std::int64_t> timeline_us(const media::SampleRecord& record) const;
  void finish_waiting();
  std::int64_t extent_us(const Open& open) const;
  std::optional<std::uint32_t> in_force(const media::SampleRecord& record, std::uint8_t track) const;

  std::uint64_t publication_id_;
  std::vector<TrackTiming> configurations_;
  std::optional<Open> open_;     // growing
  std::optional<Open> waiting_;  // closed, its last video frame's duration not known yet
  std::optional<std::uint64_t> current_media_sequence_;
  std::deque<Segment> complete_;
  std::int64_t last_arrival_us_ = 0;
  bool ended_ = false;
};

}  // namespace millrace::packaging
