// Where a finished MP4 is cut into segments: the same times for all tracks, at the first picture's key
// frames. Pure.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/result.hpp"
#include "containers/mp4/finished_track.hpp"

namespace millrace::api {

struct VodCuts {
  static constexpr std::int64_t kSegmentUs = 6'000'000;  // aimed at
  static constexpr std::int64_t kLongestUs =
      12'000'000;  // then also without a key frame, where there are samples
  // More in one segment, or more segments, are refused: "api.vod_segments".
  static constexpr std::uint32_t kMostSamples = 16'384;
  static constexpr std::uint64_t kMostBytes = 256ULL << 20;
  static constexpr std::size_t kMostSegments = 20'000;
  // Of presentation, and where decoding ends; more is refused too.
  static constexpr std::int64_t kMostUs = 7LL * 24 * 3600 * 1'000'000;

  struct Track {
    std::vector<std::uint32_t> first;  // segment n has samples [first[n], first[n + 1])
    bool independent = true;           // each segment with a sample begins with a key frame
  };

  // Of each segment its beginning, and the end of the last one; of presentation.
  std::vector<std::int64_t> starts_us;
  std::vector<Track> tracks;  // in the order of those given

  std::size_t segments() const { return starts_us.size() - 1; }
  // Precondition: at least one track.
  static Result<VodCuts> make(std::span<const mp4::FinishedTrack> tracks);
};

// Presentation time of a sample from the movie's beginning.
std::int64_t presentation_us(const mp4::FinishedTrack& track, std::uint32_t sample);
// In the track's timescale, rounded away from 0: of what presentation_us() says of a sample the sample's
// very time, as long as a microsecond is no longer than a tick. Times beyond kMostUs count as that.
std::int64_t ticks_of(const mp4::FinishedTrack& track, std::int64_t us);

}  // namespace millrace::api
