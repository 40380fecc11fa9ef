// Finishing: a fragmented file becomes an MP4 with its index in front ("faststart"), which plays and seeks
// everywhere.
//
// Tracks keep their times relative to each other: edit lists hold the difference of their starts and the
// first frame's composition offset. Every sample of every whole fragment is in the result, byte for byte; a
// torn tail is not. The fragments' headers are read twice, the payload is copied once; memory does not grow
// with the file.
#pragma once

#include <cstdint>
#include <functional>
#include <map>

#include "containers/mp4/fragmented_file.hpp"

namespace millrace::mp4 {

// By track id: so many samples of a track's beginning are there to decode those behind them. They are in the
// file, and its edit list begins behind them: no player shows them.
using LeadIns = std::map<std::uint32_t, std::uint64_t>;

// Takes the finished file. A failure stops finishing and is passed on.
struct FileSink {
  // Once, before anything is written: how large the file will be. May be empty.
  std::function<Result<void>(std::uint64_t size)> reserve;
  // In any order, each byte once.
  std::function<Result<void>(std::uint64_t offset, ByteView bytes)> write;
};

struct Finished {
  std::uint64_t size = 0;
  std::uint64_t duration_us = 0;  // presented
  std::uint64_t samples = 0;
};

// "mp4.empty": no whole fragment with a sample. "mp4.tracks": a fragment of a track or sample description
// that no movie box describes, or two movie boxes that describe one track differently. "mp4.too_large": the
// index would not fit into its box. "mp4.changed": the source was not the same twice. Else what source or
// sink failed with. Syncing is the caller's.
Result<Finished> finish(const FileSource& source, const FileSink& sink, const LeadIns& lead_ins = {});

}  // namespace millrace::mp4
