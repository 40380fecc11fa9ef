// What an MP4 track is, for every writer and reader here. Plain data.
#pragma once

#include <cstdint>
#include <optional>

#include "base/bytes.hpp"
#include "codecs/colour.hpp"

namespace millrace::mp4 {

enum class TrackType : std::uint8_t { kVideo, kAudio };
enum class Codec : std::uint8_t { kAvc, kHevc, kAv1, kVp9, kAac, kOpus, kFlac, kAc3, kEac3, kMp3 };

struct Track {
  std::uint32_t id = 0;  // from 1
  TrackType type = TrackType::kVideo;
  Codec codec = Codec::kAvc;
  std::uint32_t timescale = 0;  // units a second
  // The payload of the codec's box in the sample entry: avcC, hvcC, av1C, vpcC, dOps, dfLa, dac3, dec3. kAac:
  // the AudioSpecificConfig; kMp3: the objectTypeIndication, one byte.
  Bytes configuration;
  std::uint32_t width = 0;  // video
  std::uint32_t height = 0;
  std::optional<codecs::Colour> colour = std::nullopt;  // video: told in colr
  std::uint32_t sample_rate = 0;                        // audio
  std::uint32_t channels = 0;

  bool operator==(const Track&) const = default;
};

}  // namespace millrace::mp4
