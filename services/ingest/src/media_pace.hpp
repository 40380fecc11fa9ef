// How a publication's media advances on its own timeline: missing frames, distance of key frames, sound
// against picture. Sans-IO; times are microseconds of the timeline. A few additions a frame, no memory of its
// own.
//
// Owner: a Publication; its I/O thread only.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace millrace::ingest {

class MediaPace {
 public:
  // Steps between video frames are judged by this many, against their own median: a stream whose frame rate
  // changes is not called one that drops frames, and RTMP's rounding to milliseconds does not matter.
  static constexpr std::size_t kSteps = 32;

  // A frame of the first video track. continuous: no new timeline begins with it.
  void video(std::int64_t time_us, bool key, bool continuous);
  // A frame of the first audio track.
  void audio(std::int64_t time_us);

  // Frames that would have fitted into the holes between the frames that came; told after each kSteps frames.
  std::uint64_t frame_gaps() const { return frame_gaps_; }
  // The median step of the last kSteps; 0 before.
  std::uint64_t frame_duration_us() const { return frame_duration_us_; }
  // Between the last two key frames; 0 before there are two.
  std::uint64_t key_interval_us() const { return key_interval_us_; }
  std::uint64_t since_key_us() const;
  // Newest sound less newest picture, averaged over the last frames; 0 unless both came.
  std::int64_t drift_us() const;
  // From the first to the newest sample.
  std::uint64_t media_time_us() const;

 private:
  void step(std::int64_t step_us);
  void judge();
  void drift();
  void advance(std::int64_t time_us);

  std::array<std::int64_t, kSteps> steps_{};
  std::size_t step_count_ = 0;
  std::uint64_t frame_gaps_ = 0;
  std::uint64_t frame_duration_us_ = 0;
  std::uint64_t key_interval_us_ = 0;
  bool any_ = false, any_video_ = false, any_audio_ = false, any_key_ = false, any_drift_ = false;
  std::int64_t first_us_ = 0, newest_us_ = 0, video_us_ = 0, audio_us_ = 0, key_us_ = 0;
  std::int64_t drift_sum_ = 0;  // the average times kDriftFrames
};

}  // namespace millrace::ingest
