// The boxes around a track's samples, the same in an init segment and in a finished file (ISO/IEC
// 14496-12 8.2, 8.3, 8.4).
#pragma once

#include <cstdint>

#include "containers/mp4/track.hpp"

namespace millrace::mp4 {

// Units a second of mvhd, tkhd and edit lists: fine enough that no edit is off by more than 6 µs.
inline constexpr std::uint32_t kMovieTimescale = 90'000;

// Bytes of a name that are read.
inline constexpr std::size_t kMaxTrackName = 256;

// duration in kMovieTimescale units; 0 in an init segment.
void write_movie_header(ByteWriter& writer, std::uint64_t duration, std::uint32_t next_track_id);
// alternative: an earlier track of the file has the same type; players begin with that one, and play one of
// them.
void write_track_header(ByteWriter& writer, const Track& track, std::uint64_t duration, bool alternative);
// duration in the track's timescale.
void write_media_header(ByteWriter& writer, const Track& track, std::uint64_t duration);
void write_handler(ByteWriter& writer, const Track& track);
// Timescale and language of mdhd; false when it is damaged.
[[nodiscard]] bool read_media_header(ByteView mdhd, Track& track);
// The track's name, where hdlr has one that is more than its type.
void read_handler(ByteView hdlr, Track& track);
// vmhd or smhd, and dinf: the samples are in this file.
void write_media_information(ByteWriter& writer, TrackType type);

}  // namespace millrace::mp4
