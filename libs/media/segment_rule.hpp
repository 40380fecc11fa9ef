// Where the segments of a publication begin, and the target duration of its stream's playlists. Sans-IO; fed
// with the times of placed samples in microseconds of the publication's timeline.
//
// The target duration is fixed at the end of the first segment that a rule (and no break) ended, or where
// breaks end all of them with the third one when two segment targets are over: the segment target, rounded,
// or what the segments so far need. From then on no segment of the stream is longer than it
// may be in a playlist of that target duration (RFC 8216 4.3.3.1: its rounded length), so that it never has
// to change.
//
//  - A key frame of the picture begins a segment from a quarter of the target before the segment is due; what
//    that makes it early or late the next one makes good, so that the sum stays on the grid. It does so
//    earlier if the next key frame, as far apart as the last two were, would be too late.
//  - A recovery point counts as a key frame unless one is expected in time that needs no recovery.
//  - A picture that would be the last one before the limit begins a segment without a key frame, if none is
//    expected before it. The next key frame ends such a segment.
//  - Other tracks begin segments where there is no picture, and where it has been silent: for a quarter of
//    the target longer than sound comes between two pictures anyway. They do not wait for it beyond the limit
//    either.
//  - Where nothing at all came until the limit had passed by a quarter of the target, time is missing: a gap,
//    behind which the timeline is a new one.
#pragma once

#include <cstdint>

namespace millrace::media {

struct SegmentTargets {
  std::uint32_t segment_target_ms = 2000;
  std::uint32_t target_duration_s = 0;  // fixed by an earlier publication; 0: to be fixed
  std::uint32_t longest_target_s = 12;  // it is fixed to no more than this (or the segment target, rounded)
};

// The longest segment that a playlist of this target duration may have: lengths count as rounded.
constexpr std::int64_t longest_segment_us(std::uint32_t target_duration_s) {
  return std::int64_t{target_duration_s} * 1'000'000 + 499'999;
}

// A log has to hold this many target durations for playlists: three listed, as long again and one more after
// they left the list, the growing segment and the one before it (RFC 8216 6.2.2).
inline constexpr std::int64_t kRetainedTargets = 9;

// What the target duration of a stream may be fixed to where a log holds records back for so long.
std::uint32_t longest_target_s(std::int64_t pinned_limit_us);

// For segments that were up to longest_us long and will go on like that.
std::uint32_t fitting_target_duration_s(const SegmentTargets& targets, std::int64_t longest_us);

class SegmentRule {
 public:
  struct Sample {
    std::int64_t time_us = 0;
    bool picture = false;  // of the first video track
    bool key = false;
    std::int64_t duration_us = 0;  // of a frame of sound; 0: not known
    bool recovery = false;         // with key: a recovery point
  };
  enum class Cut : std::uint8_t { kNone, kCut, kGap };

  explicit SegmentRule(const SegmentTargets& targets);

  // Does the sample begin a segment? has_picture: the publication has announced one.
  Cut judge(const Sample& sample, bool has_picture) const;
  // Of the first media sample, and of others that turn out to be earlier in the first segment.
  void begin_first(std::int64_t time_us);
  void begin_earlier(std::int64_t time_us);
  // A segment begins; a break: at a discontinuity.
  void begin(std::int64_t time_us, bool is_break);
  // Every media sample, after what it began.
  void add(const Sample& sample);
  // The publication is over.
  void settle();

  std::uint32_t target_duration_s() const { return targets_.target_duration_s; }  // 0: not fixed yet

 private:
  std::int64_t target_us() const { return std::int64_t{targets_.segment_target_ms} * 1000; }
  std::int64_t early_us() const { return target_us() / 4; }
  std::int64_t limit_us() const;
  bool picture_is_silent() const;
  bool is_gap(const Sample& sample, bool has_picture) const;
  void add_picture(const Sample& sample);
  bool is_key(const Sample& sample) const;
  bool is_told_by_breaks(std::int64_t time_us) const;
  bool picture_cuts(const Sample& sample, std::int64_t length_us) const;
  bool other_cuts(const Sample& sample, std::int64_t length_us, bool has_picture) const;

  SegmentTargets targets_;
  std::int64_t first_us_ = 0;
  std::int64_t start_us_ = 0;
  std::int64_t due_us_ = 0;
  std::int64_t newest_us_ = 0;   // of all media
  std::int64_t longest_us_ = 0;  // segment so far
  std::uint32_t breaks_ = 0;     // segments that one ended
  bool begins_ = true;           // the next sample is a segment's first
  bool begun_with_key_ = false;  // the segment was
  bool picture_seen_ = false;
  std::int64_t picture_us_ = 0;       // the last one
  std::int64_t picture_step_us_ = 0;  // the shorter of the last two
  std::int64_t last_step_us_ = 0;
  std::int64_t key_us_ = 0;  // the last key frame
  bool key_seen_ = false;
  std::int64_t key_interval_us_ = 0;
  std::int64_t sync_us_ = 0;  // the last key frame that is no recovery point
  bool sync_seen_ = false;
  std::int64_t sync_interval_us_ = 0;  // of the last two
  std::int64_t sound_since_us_ = 0;    // that has come since the last picture
  std::int64_t burst_us_ = 0;          // the most between two pictures, lately
  std::int64_t lag_us_ = 0;            // how far sound is ahead when a picture comes: the most, lately
};

}  // namespace millrace::media
