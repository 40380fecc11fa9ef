// What an MP4 track is, for every writer and reader here. Plain data.
#pragma once

#include <cstdint>

#include "base/bytes.hpp"

namespace millrace::mp4 {

enum class TrackType : std::uint8_t { kVideo, kAudio };
enum class Codec : std::uint8_t { kAvc, kAac };

struct Track {
  std::uint32_t id = 0;  // from 1
  TrackType type = TrackType::kVideo;
  Codec codec = Codec::kAvc;
  std::uint32_t timescale = 0;  // units a second
  Bytes configuration;          // kAvc: the payload of avcC; kAac: the AudioSpecificConfig
  std::uint32_t width = 0;      // video
  std::uint32_t height = 0;
  std::uint32_t sample_rate = 0;  // audio
  std::uint32_t channels = 0;

  bool operator==(const Track&) const = default;
};

}  // namespace millrace::mp4
