// What an MP4 track is, for every writer and reader here. Plain data.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

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
  std::optional<codecs::Colour> colour = std::nullopt;  // video: written as colr
  codecs::HdrMetadata hdr{};                            // video: written as mdcv and clli
  std::uint32_t sample_rate = 0;                        // audio
  std::uint32_t channels = 0;
  std::string language{};  // ISO 639-2/T, three letters; empty: undetermined
  std::string name{};      // for people, UTF-8; empty: by its type
  // Configurations of further sample descriptions, numbered from 2 on: they differ from the first in nothing
  // else.
  std::vector<Bytes> further{};

  bool operator==(const Track&) const = default;
};

// More in one track are refused by readers.
inline constexpr std::size_t kMaxSampleDescriptions = 16;

constexpr std::uint32_t sample_descriptions(const Track& track) {
  return static_cast<std::uint32_t>(1 + track.further.size());
}

// The number of the track's description that is like the first one of other; 0 when it has none.
std::uint32_t find_description(const Track& track, const Track& other);

// The number that the first description of other has in the track, which it is added to when it is new there.
// nullopt, and nothing changes: a player that is in the middle of the track could not go on with it (another
// codec, size, rate, pixel format), or the track is full.
[[nodiscard]] std::optional<std::uint32_t> take_description(Track& track, const Track& other);

// later is the track with no, or some more, sample descriptions behind those it had.
bool continues(const Track& later, const Track& earlier);

}  // namespace millrace::mp4
