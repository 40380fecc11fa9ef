// Which part of its track each frame belongs to. Sans-IO, pure: a function of the frames before it, so a
// rendition or a mirror that cuts its own frames by it comes to the same parts.
//
//   frames  | K  v  v  v  v  v  v  v  v  v | v  v ...        10 pictures of 33.3 ms, target 336 ms
//   part    | 1  1  1  1  1  1  1  1  1  1 | 2  2 ...
//
//  - A track's first frame in a segment begins a part. A key frame inside a segment does not: the part with
//    it is independent.
//  - So does a frame that would end behind the target, counted from where the part began, in ticks of the
//    track. A frame of sound lasts as long as its samples; a picture is expected to last as long as the
//    longest of the last ones that are at most 15 % of the target, or the shorter one of the last two. So a
//    part of frames like the ones before it is never longer than the target, and one of fine frames never
//    shorter than 85 % of it, whatever their pattern.
//  - A frame may turn out longer than was expected when it was placed (a picture that is missing, sound that
//    was left out). Its record is written by then and the part stays as it is: readers list it with the
//    target at most, as they do with segments, and the part after it begins with the late frame.
//  - Where the encoder changes its frame rate parts may be shorter than 85 %; the target is for good.
//
// A part is closed when the frame behind it is there; of sound, whose frames' durations are known, at the
// latest with any frame of a later segment; of a picture that is silent when others are half a second on
// (what packaging takes for the length of its last frame is known then); and at the end.
#pragma once

#include <array>
#include <cstdint>

#include "media/sample.hpp"

namespace millrace::media {

class PartRule {
 public:
  static constexpr std::int64_t kSilenceUs = 500'000;
  // A bound for frames that claim to last longer than they do.
  static constexpr std::int64_t kMostPartsPerTarget = 4;

  struct Frame {
    std::uint8_t track = 0;
    bool picture = false;
    bool follows = true;  // by the same clock as the track's frame before it: their distance is a step
    std::uint32_t timescale = 1000;
    std::int64_t dts = 0;              // increases per track, unless its timescale changes
    std::int64_t duration = 0;         // in ticks, where it is known; 0: like those before
    std::int64_t time_us = 0;          // dts on the common timeline
    std::uint64_t media_sequence = 0;  // grows
  };

  // 0: no parts, or not fixed yet.
  explicit PartRule(std::uint32_t target_us = 0) : target_us_(target_us) {}
  // Frames have parts from now on. Once at most.
  void fix(std::uint32_t target_us) { target_us_ = target_us; }

  // SampleRecord::part: from 1, one more each part of the track; 0 without a target.
  std::uint32_t place(const Frame& frame);
  // There will be no more frames.
  void end();

  std::uint32_t target_us() const { return target_us_; }
  // Parts so far, of all tracks.
  std::uint64_t closed() const { return closed_; }

 private:
  struct Track {
    bool any = false;   // had a frame
    bool open = false;  // its newest part
    bool picture = false;
    std::uint32_t timescale = 0;
    std::uint32_t part = 0;
    std::uint64_t media_sequence = 0;  // of the part
    std::int64_t start_dts = 0;        // of the part
    std::int64_t last_dts = 0;
    std::int64_t last_us = 0;
    std::int64_t step = 0;         // between the last two frames, ticks
    std::int64_t step_before = 0;  // and the two before
    std::int64_t longest = 0;      // of the last fine steps
  };

  std::int64_t target_ticks(std::uint32_t timescale) const;
  void note_step(Track& track, const Frame& frame) const;
  std::int64_t expected(const Track& track, const Frame& frame) const;
  bool begins(const Track& track, const Frame& frame) const;
  void close(Track& track);
  void close_others(const Frame& frame);

  std::uint32_t target_us_;
  std::uint64_t closed_ = 0;
  std::uint64_t media_sequence_ = 0;  // the newest
  std::uint32_t waiting_ = 0;         // bits of pictures with an open part of an older segment
  std::array<Track, kMaxTracks> tracks_{};
};

}  // namespace millrace::media
