// Where in a source's log a writer of renditions begins. Pure, but for reading records.
//
//  - A first one: with the segment that begins HOLD-BACK (three target durations) before the newest picture,
//    so that players find a list's worth of segments soon; without that many, with the oldest that is there.
//  - One that follows another: with the segment behind the last one that was begun, unless the source has
//    gone on much further since.
//  - One that is asked for from a segment on: with that.
//  - Decoding begins with the last key frame at or before that.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "media/arena_reader.hpp"

namespace millrace::transcoding {

// The first picture of a segment in the source, or a key frame in one.
struct SourcePlace {
  std::uint64_t sequence = 0;
  std::uint64_t media_sequence = 0;
  std::int64_t dts = 0;  // 1/90000 s
  bool begins = false;   // a segment
  bool key = false;      // decoding can begin
};

struct SourceStart {
  std::uint64_t sequence = 0;        // to be decoded from here on
  std::uint64_t media_sequence = 0;  // to be written from this segment on

  bool operator==(const SourceStart&) const = default;
};

struct SourcePlaces {
  std::vector<SourcePlace> places;
  std::int64_t newest_dts = 0;
};

// What the log holds of it now: of the picture, of sound where there is no picture.
SourcePlaces source_places(const media::LogReader& log);
// With this segment, or the first one behind it that is there. nullopt: none is
// yet.
std::optional<SourceStart> start_at(std::span<const SourcePlace> places, std::uint64_t media_sequence);
// written: the last segment that a predecessor began; 0: none. nullopt:
// there is no such segment yet.
std::optional<SourceStart> choose_start(std::span<const SourcePlace> places, std::int64_t newest_dts,
                                        std::uint32_t target_duration_s, std::uint64_t written);

}  // namespace millrace::transcoding
