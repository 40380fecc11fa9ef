// How a publication's media advances on its own timeline: missing frames, frame rate, distance of key frames,
// how sound and picture are interleaved. Sans-IO; times are microseconds of the timeline. A few additions a
// frame, no memory of its own.
//
// Owner: the writer of the publication's log; one thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace millrace::media {

class MediaPace {
 public:
  // Steps between video frames are judged by this many, against their own median: a stream whose frame rate
  // changes is not called one that drops frames, and RTMP's rounding to milliseconds does not matter.
  static constexpr std::size_t kSteps = 32;

  // The frame rate that the encoder says it has; 0: it says none.
  void declare(double frames_per_second) { declared_ = frames_per_second; }
  // A frame of the first video track. continuous: no new timeline begins with it.
  void video(std::int64_t time_us, bool key, bool continuous);
  // A frame of the first audio track.
  void audio(std::int64_t time_us);

  // Frames that would have fitted into the holes between the frames that came; reported after each kSteps
  // frames. A hole is a step of more than one usual frame with usual ones around it. Several in a row are
  // another frame rate, and so many that one step in five is a hole are a variable one, unless the encoder
  // declared the usual rate.
  std::uint64_t frame_gaps() const { return frame_gaps_; }
  // The mean of the last kSteps without the holes; 0 before.
  std::uint64_t frame_duration_us() const { return frame_duration_us_; }
  // The longest of the last kSteps to twice as many.
  std::uint64_t longest_frame_us() const;
  // Between the last two key frames; 0 before there are two.
  std::uint64_t key_interval_us() const { return key_interval_us_; }
  std::uint64_t since_key_us() const;
  // Newest sound less the picture that comes, averaged over the last pictures; 0 unless both came. How far
  // the publisher sends one ahead of the other, not how far they are apart when they are shown.
  std::int64_t interleaving_us() const;
  // From the first to the newest sample, and to the newest picture.
  std::uint64_t media_time_us() const;
  std::uint64_t video_time_us() const;

 private:
  static constexpr int kMaxHolesInARow = 2;

  // Steps of more than one frame that follow each other.
  struct Run {
    int length = 0;  // beyond kMaxHolesInARow: no holes
    std::uint64_t frames = 0;
    std::int64_t last_us = 0;
  };

  void step(std::int64_t step_us);
  void judge();
  bool is_variable(int holes) const;
  void interleave();
  void advance(std::int64_t time_us);

  double declared_ = 0;
  std::uint64_t frames_ = 0;
  std::array<std::int64_t, kSteps> steps_{};
  std::size_t step_count_ = 0;
  std::int64_t longest_us_ = 0, longest_before_us_ = 0;
  std::int64_t step_before_us_ = 0;
  Run run_;
  std::uint64_t frame_gaps_ = 0;
  std::uint64_t frame_duration_us_ = 0;
  std::uint64_t key_interval_us_ = 0;
  bool any_ = false, any_video_ = false, any_audio_ = false, any_key_ = false, any_interleaving_ = false;
  std::int64_t first_us_ = 0, newest_us_ = 0, first_video_us_ = 0, video_us_ = 0, audio_us_ = 0, key_us_ = 0;
  std::int64_t interleaving_sum_ = 0;  // the average times kInterleavedFrames
};

}  // namespace millrace::media
