// What a finished MP4 says about itself: how long, which tracks. Reads the few small boxes that say it and
// passes over everything else, sample tables too: the cost does not grow with the file. Outside data: every
// length is bounded. One call, no state; the source is the caller's.
//
// ISO/IEC 14496-12 8.2.2 (mvhd), 8.4.2 (mdhd), 8.5.2 (stsd), 8.7.3 (stsz), 8.8.1 (mvex).
#pragma once

#include <string>
#include <vector>

#include "containers/mp4/fragmented_file.hpp"
#include "containers/mp4/track.hpp"

namespace millrace::mp4 {

struct TrackInfo {
  Track track;
  std::string codec;            // RFC 6381; empty when its configuration is not usable
  std::uint64_t duration = 0;   // in the track's timescale
  std::uint64_t samples = 0;    // from stsz
  double samples_a_second = 0;  // over the duration; 0 when that is not stated
  // Sound, as it is heard: with SBR twice the core's rate, with parametric stereo two channels.
  std::uint32_t sample_rate = 0;
  std::uint32_t channels = 0;
};

struct MovieInfo {
  std::uint64_t duration_us = 0;  // presented
  bool fragmented = false;        // samples are in fragments: durations and counts may be missing
  std::vector<TrackInfo> tracks;  // those whose codec is one of ours
};

inline constexpr std::size_t kMaxInfoBoxes = 1024;      // examined in one file; more: "mp4.moov"
inline constexpr std::size_t kMaxInfoTracks = 32;       // more are left out
inline constexpr std::uint64_t kMaxInfoBox = 64 << 10;  // of a box that is read; a larger one: "mp4.moov"

// "mp4.moov": there is none, or it is damaged. Else the source's errors.
Result<MovieInfo> read_movie_info(const FileSource& source);

// RFC 6381 name of a track; empty when its configuration is not usable.
std::string codec_name(const Track& track);

}  // namespace millrace::mp4
