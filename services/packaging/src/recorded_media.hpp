// A recorded segment's file for one track: the bytes that segment_file.hpp made of it from the log, now with
// the samples where they are in the recordings. Pure.
#pragma once

#include <vector>

#include "base/result.hpp"
#include "http/message.hpp"
#include "recorded_segments.hpp"

namespace millrace::packaging {

// pieces: read from segment.shares, in their order. "packaging.recorded": not all of its records are there,
// or it is larger than a file may be.
Result<http::FilePieces> recorded_media(const RecordedSegment& segment, const TrackSpan& span,
                                        const std::vector<media::RecordedPiece>& pieces);

}  // namespace millrace::packaging
