// How long the parts of a stream may be (PART-TARGET of rfc8216bis 4.4.3.7), chosen once from the frames of
// its first segment, together with the target duration (segment_rule.hpp). Pure; times are passed in.
//
// No part may be longer than the target, and none but a segment's last one, independent ones and those around
// a gap shorter than 85 % of it (4.4.4.9). Each track cuts whole frames (part_rule.hpp), so a target is taken
// that whole frames of every track fill to 85 to 100 %:
//  - Where the picture's frames come evenly it is so many of them, and room for what stamps of whole
//    milliseconds add: 30 pictures a second and 333 ms make 10 of them and a target of 336 ms. Without a
//    picture it is so many frames of sound.
//  - Frames of at most 15 % of the target fill it whatever their pattern is. Where the picture's come
//    unevenly that is what its longest has to be.
//  - Of all targets from half to twice of what is wanted that fit all tracks the nearest is taken (what its
//    frames leave unused counts twice) by which no track's segments end with a part shorter than 120 ms, else
//    the nearest. If there is none, the stream has no parts. Players take so short a hole for none: hls.js
//    1.7 holds a segment for loaded whose last part of less than 100 ms it has missed, and waits until the
//    segment's parts have left the list.
// A few frames that are missing (an eighth) do not make a track uneven.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "media/sample.hpp"

namespace millrace::media {

// No part but the exempt ones is shorter than this share of the target.
inline constexpr std::int64_t kLeastPartPercent = 85;

struct PartWish {
  std::uint32_t wanted_us = 0;   // HLS_PART_MS; 0: no parts
  std::uint32_t longest_us = 0;  // the target is no longer, whatever is wanted
  std::int64_t segment_us = 0;   // how long segments are; 0: not known
};

// How the frames of one track followed each other.
struct TrackSteps {
  bool picture = false;
  bool counted = false;                // sound that lasts as long as its samples do: its times are exact
  std::vector<std::int64_t> steps_ns;  // from frame to frame, or durations of counted frames
  std::int64_t waited_ns = 0;          // without any step: since its only frame began
};

// In microseconds, whole milliseconds; 0: no parts.
std::uint32_t fitting_part_target_us(const PartWish& wish, const std::vector<TrackSteps>& tracks);

// The frames of a stream's first segment, until the target is chosen.
class FirstFrames {
 public:
  static constexpr std::size_t kMostSteps = 1024;  // of a track; later ones are passed over

  // follows: it was placed by the same clock as the track's frame before it. duration: in ticks; 0: not
  // known. dts increases per track.
  struct Frame {
    std::uint8_t track = 0;
    bool picture = false;
    bool follows = true;
    std::uint32_t timescale = 1000;
    std::int64_t dts = 0;
    std::int64_t duration = 0;
  };
  void add(const Frame& frame);
  // now_us: of the newest frame, on the timeline. Forgets them.
  std::uint32_t choose(const PartWish& wish, std::int64_t now_us);

 private:
  struct Track {
    TrackSteps steps;
    bool any = false;
    std::uint32_t timescale = 1000;
    std::int64_t last_dts = 0;
  };
  std::array<Track, kMaxTracks> tracks_;
};

}  // namespace millrace::media
