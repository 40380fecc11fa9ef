// Records of a made-up log for tests: one call per sample, numbers and times filled in as ingest would.
#pragma once

#include <vector>

#include "base/wall_time.hpp"
#include "log_segments.hpp"
#include "media/sample.hpp"

namespace millrace::packaging {

constexpr std::uint32_t kVideoScale = 90'000;
constexpr std::uint32_t kAudioScale = 48'000;
constexpr std::uint32_t kAudioFrame = 1'024;
constexpr WallTime kWallStart = WallTime::from_us(1'800'000'000'000'000);

constexpr std::uint8_t kOtherVideoTrack = 3;

inline TrackTiming video_timing() {
  return {media::kVideoTrack, true, media::TrackKind::kVideo, kVideoScale, 0};
}
inline TrackTiming other_video_timing() {
  return {kOtherVideoTrack, true, media::TrackKind::kVideo, kVideoScale, 0};
}
inline TrackTiming audio_timing() {
  return {media::kAudioTrack, true, media::TrackKind::kAudio, kAudioScale, kAudioFrame};
}

class RecordScript {
 public:
  explicit RecordScript(std::uint64_t first_media_sequence, std::uint32_t discontinuity_sequence = 0)
      : media_sequence_(first_media_sequence), discontinuity_sequence_(discontinuity_sequence) {}

  std::uint32_t configuration[media::kMaxTracks] = {0, 1, 2};
  // From now on each track's samples of so many microseconds are a part, again in each segment; 0: no parts.
  std::int64_t part_us = 0;
  // The next record begins a new segment; on a new timeline if so said.
  RecordScript& cut(bool discontinuity = false) {
    if (!records.empty()) ++media_sequence_;
    if (discontinuity) ++discontinuity_sequence_;
    start_ = true;
    return *this;
  }
  RecordScript& video(std::int64_t milliseconds, bool key = false) {
    return add(media::kVideoTrack, milliseconds * (kVideoScale / 1000), milliseconds * 1000, key);
  }
  // Of a further picture: track 3.
  RecordScript& other_video(std::int64_t milliseconds, bool key = false) {
    return add(kOtherVideoTrack, milliseconds * (kVideoScale / 1000), milliseconds * 1000, key);
  }
  // By frame number: an audio frame begins where the one before ended.
  RecordScript& audio(std::int64_t frame) {
    const std::int64_t dts = frame * kAudioFrame;
    return add(media::kAudioTrack, dts, dts * 1'000'000 / kAudioScale, true);
  }
  RecordScript& data(std::int64_t milliseconds) {
    return add(media::kDataTrack, milliseconds, milliseconds * 1000, false);
  }
  // Frames of 25/s and audio from begin to end, beginning with a key frame.
  RecordScript& pictures_and_sound(std::int64_t begin_ms, std::int64_t end_ms) {
    for (std::int64_t at = begin_ms; at < end_ms; at += 40) {
      video(at, at == begin_ms);
      for (; audio_frame_ * kAudioFrame * 1000 < (at + 40) * kAudioScale; ++audio_frame_) audio(audio_frame_);
    }
    return *this;
  }

  std::vector<media::SampleRecord> records;

 private:
  RecordScript& add(std::uint8_t track, std::int64_t dts, std::int64_t at_us, bool key) {
    media::SampleRecord record{};
    record.sequence = records.size();
    record.dts = dts;
    record.arrival_us = at_us;
    record.presented_wall = kWallStart + at_us;
    record.media_sequence = media_sequence_;
    record.discontinuity_sequence = discontinuity_sequence_;
    record.configuration = configuration[track];
    record.size = 100;
    record.flags =
        static_cast<std::uint16_t>((key ? media::kSampleKey : 0) | (start_ ? media::kSampleSegmentStart : 0));
    record.track = track;
    record.part = part_us == 0 ? 0 : part_of(track, at_us);
    start_ = false;
    records.push_back(record);
    return *this;
  }

  std::uint32_t part_of(std::uint8_t track, std::int64_t at_us) {
    auto& part = parts_[track];
    if (part.number == 0 || part.media_sequence != media_sequence_ || at_us - part.begin_us >= part_us)
      part = {part.number + 1, media_sequence_, at_us};
    return part.number;
  }

  struct Part {
    std::uint32_t number = 0;
    std::uint64_t media_sequence = 0;
    std::int64_t begin_us = 0;
  };
  Part parts_[media::kMaxTracks];
  std::uint64_t media_sequence_;
  std::uint32_t discontinuity_sequence_;
  std::int64_t audio_frame_ = 0;
  bool start_ = true;
};

}  // namespace millrace::packaging
