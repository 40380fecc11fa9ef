// Finishing: a fragmented file becomes an MP4 with its index in front ("faststart"), which plays and seeks
// everywhere.
//
// Tracks keep their times relative to each other: edit lists hold the difference of their starts and the
// first frame's composition offset. Every sample of every whole fragment is in the result, byte for byte; a
// torn tail is not. Memory grows with the number of samples (at most 17 bytes each), the payload is copied in
// one sequential pass.
#pragma once

#include <cstdint>
#include <functional>

#include "containers/mp4/fragmented_file.hpp"

namespace millrace::mp4 {

// Takes the finished file from front to end. A failure stops finishing and is passed on.
using FileSink = std::function<Result<void>(ByteView)>;

struct Finished {
  std::uint64_t size = 0;         // bytes given to the sink
  std::uint64_t duration_us = 0;  // presented
  std::uint64_t samples = 0;
};

// "mp4.empty": no whole fragment with a sample. "mp4.tracks": a fragment of a track that no movie box told,
// or two movie boxes that tell one track differently. Else what source or sink failed with. Syncing is the
// caller's.
[[nodiscard]] Result<Finished> finish(const FileSource& source, const FileSink& sink);

}  // namespace millrace::mp4
