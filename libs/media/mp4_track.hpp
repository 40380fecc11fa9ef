// A track of the log as MP4 and playlists describe it, for all that make files of a log: one place that knows
// what each codec's configuration bytes mean (docs/media-log.md has the table). A pure function; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/result.hpp"
#include "containers/mp4/track.hpp"
#include "media/sample.hpp"

namespace millrace::media {

struct Mp4Track {
  mp4::Track track;
  std::string codec;                        // RFC 6381
  std::optional<double> frames_per_second;  // video, as the encoder's parameter sets say
  std::uint32_t frame_duration = 0;         // audio: ticks of the track a sample lasts; 0: they differ
};

// Tracks keep their number in every file of a log.
constexpr std::uint32_t mp4_track_id(std::size_t track) {
  return static_cast<std::uint32_t>(track + 1);
}

// bytes: what the log holds behind the description. "media.not_in_mp4": data, or a codec that MP4 files here
// do not hold; "media.timescale": none; "media.no_dimensions": a picture without a size; else what the
// codec's parser says.
Result<Mp4Track> mp4_track(const TrackConfiguration& description, ByteView bytes);

}  // namespace millrace::media
