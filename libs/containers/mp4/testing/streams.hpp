// Real samples for tests: ten frames of 64x64 H.264 with B-frames (x264, 25 a second, key frames at 0 and 5)
// and a silent AAC frame (48 kHz stereo).
#pragma once

#include <array>
#include <string>
#include <vector>

#include "containers/mp4/fragment.hpp"
#include "containers/mp4/track.hpp"

namespace millrace::mp4::test {

inline Bytes from_hex(std::string_view text) {
  Bytes bytes;
  for (std::size_t i = 0; i + 1 < text.size(); i += 2) {
    bytes.push_back(static_cast<std::uint8_t>(std::stoul(std::string(text.substr(i, 2)), nullptr, 16)));
  }
  return bytes;
}

inline constexpr std::uint32_t kFrameDuration = 3600;  // of 90000
inline constexpr std::uint32_t kAacDuration = 1024;    // of 48000

struct VideoFrame {
  Bytes payload;
  std::int32_t composition_offset;  // units of 90000
  bool key;
};

inline const std::vector<VideoFrame>& video_frames() {
  static const std::vector<VideoFrame> frames = [] {
    constexpr std::array<const char*, 10> kPayloads = {
        "0000001e6588840037fffef6f0fe0342509711cde87cfd0005576bdae1e22fff5461",
        "0000000a419a236c42bffe388dc0",
        "00000008419e4178857f0c39",
        "00000008019e626a42bf0c38",
        "00000010419a6449a84168994c0857fffe388dc1",
        "0000001f658882000ffffef7689f02338a80e495c523acee82be2a93cb6582b1165d81",
        "0000000a419a236c42fffe8cd361",
        "00000008419e4178857f0c39",
        "00000008019e626a42bf0c38",
        "00000010419a6449a84168994c0857fffe388dc0"};
    constexpr std::array<int, 10> kOffsets = {2, 4, 1, 1, 2, 2, 4, 1, 1, 2};  // in frames
    std::vector<VideoFrame> result;
    for (std::size_t i = 0; i < kPayloads.size(); ++i) {
      result.push_back(
          {from_hex(kPayloads[i]), kOffsets[i] * static_cast<std::int32_t>(kFrameDuration), i % 5 == 0});
    }
    return result;
  }();
  return frames;
}

inline const Bytes& aac_frame() {
  static const Bytes frame = from_hex("211004608c1c");
  return frame;
}

inline Track video_track(std::uint32_t id = 1) {
  return {.id = id,
          .type = TrackType::kVideo,
          .codec = Codec::kAvc,
          .timescale = 90'000,
          .configuration = from_hex("0164000affe100186764000aacd94426c044000003000400000300c83c489658010006"
                                    "68ebe3cb22c0fdf8f800"),
          .width = 64,
          .height = 64};
}

inline Track audio_track(std::uint32_t id = 2) {
  return {.id = id,
          .type = TrackType::kAudio,
          .codec = Codec::kAac,
          .timescale = 48'000,
          .configuration = {0x11, 0x90},
          .sample_rate = 48'000,
          .channels = 2};
}

// The group of pictures number n (five frames from frame 5 * n), and the audio frames that go with it.
inline TrackRun video_run(std::uint32_t group, std::uint64_t base) {
  TrackRun run{.track_id = 1, .base_decode_time = base, .samples = {}};
  for (std::size_t i = 0; i < 5; ++i) {
    const VideoFrame& frame = video_frames()[std::size_t{group} % 2 * 5 + i];
    run.samples.push_back({kFrameDuration, static_cast<std::uint32_t>(frame.payload.size()),
                           frame.composition_offset, frame.key});
  }
  return run;
}

inline TrackRun audio_run(std::uint64_t base, std::size_t frames) {
  const FragmentSample sample{kAacDuration, static_cast<std::uint32_t>(aac_frame().size()), 0, true};
  return {.track_id = 2, .base_decode_time = base, .samples = std::vector<FragmentSample>(frames, sample)};
}

// Another configuration of the same picture (x264, Baseline): a group of five frames that video_track()'s
// parameter sets do not decode.
inline Track other_video_track(std::uint32_t id = 1) {
  Track track = video_track(id);
  track.configuration =
      from_hex("0142c00affe100176742c00ad90426c044000003000400000300c83c48992001000568cb83cb20");
  return track;
}

inline const std::vector<VideoFrame>& other_video_frames() {
  static const std::vector<VideoFrame> frames = {
      {from_hex("000000156588840ca2628001b939393aebaebaebaebaebaebc"), 0, true},
      {from_hex("00000006419a38194118"), 0, false},
      {from_hex("00000006419a5405d046"), 0, false},
      {from_hex("00000006419a602e8230"), 0, false},
      {from_hex("00000006419a802a8230"), 0, false}};
  return frames;
}

inline TrackRun other_video_run(std::uint64_t base, std::uint32_t description) {
  TrackRun run{.track_id = 1, .base_decode_time = base, .samples = {}, .description = description};
  for (const VideoFrame& frame : other_video_frames()) {
    run.samples.push_back({kFrameDuration, static_cast<std::uint32_t>(frame.payload.size()),
                           frame.composition_offset, frame.key});
  }
  return run;
}

inline Bytes other_payloads() {
  ByteWriter writer;
  for (const VideoFrame& frame : other_video_frames()) writer.append(frame.payload);
  return writer.take();
}

// The payloads of one group of pictures and its audio, as mdat holds them.
inline Bytes payloads(std::uint32_t group, std::size_t audio_frames) {
  ByteWriter writer;
  for (std::size_t i = 0; i < 5; ++i) writer.append(video_frames()[std::size_t{group} % 2 * 5 + i].payload);
  for (std::size_t i = 0; i < audio_frames; ++i) writer.append(aac_frame());
  return writer.take();
}

inline constexpr std::size_t kAudioPerGroup = 9;  // 192 ms beside 200 ms of video

// Groups of pictures with their audio, a fragment each.
inline Bytes fragments(std::uint32_t groups, std::uint64_t video_base, std::uint64_t audio_base) {
  ByteWriter writer;
  for (std::uint32_t group = 0; group < groups; ++group) {
    const std::array runs = {
        video_run(group, video_base + std::uint64_t{group} * 5 * kFrameDuration),
        audio_run(audio_base + std::uint64_t{group} * kAudioPerGroup * kAacDuration, kAudioPerGroup)};
    writer.append(fragment_header(group + 1, runs));
    writer.append(payloads(group, kAudioPerGroup));
  }
  return writer.take();
}

}  // namespace millrace::mp4::test
