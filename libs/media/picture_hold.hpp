// Which pictures of a publication with several video tracks wait for the first track, so that every track
// enters a segment with its own key frame. Sans-IO: times are passed in.
//
// The first video track's key frames begin segments, and records of a log never go back to an earlier
// segment. A key frame of another track that arrives before the first track has come to its time would be
// the last of the old segment, and the track would begin the new one in the middle of a group of pictures.
// So it waits, with what its track sends behind it, until a picture of the first track of that time or
// later is there: among encoders that interleave by time, one message. It waits for kLongestUs at most, and
// not at all where the first track is silent or its clock is another one. The first track, sound and data
// never wait.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "media/sample.hpp"

namespace millrace::media {

class PictureHold {
 public:
  static constexpr std::int64_t kLongestUs = 500'000;
  static constexpr std::size_t kMostHeld = 64;  // of a track: of more the oldest goes

  struct Frame {
    std::uint8_t track = 0;
    std::uint32_t timestamp_ms = 0;  // as received, 32 bits
    std::int32_t composition_offset_ms = 0;
    bool key = false;
    std::int64_t arrival_us = 0;
  };
  // The next picture of any track. True: it is held.
  bool take(const Frame& frame);
  // A track whose oldest held picture may go by now; it is held no longer.
  std::optional<std::uint8_t> next(std::int64_t now_us);
  // All of the track may go; how many they are.
  std::size_t release(std::uint8_t track);

 private:
  struct Held {
    std::uint32_t shown_ms = 0;
    bool key = false;
    std::int64_t arrival_us = 0;
  };

  bool is_awaited(std::uint32_t shown_ms) const;

  bool leader_seen_ = false;
  std::uint32_t leader_ms_ = 0;  // how far the first track has come
  std::int64_t leader_arrival_us_ = 0;
  // At most kMostHeld and one each, hardly ever any: an empty deque has 600 bytes on the heap.
  std::array<std::vector<Held>, kMaxTracks> held_;
};

}  // namespace millrace::media
