// What a source's records and its encoder's onMetaData say of its picture: bit rate and frame rate. Pure, but
// for reading the log.
#pragma once

#include <cstdint>

#include "media/arena_reader.hpp"

namespace millrace::transcoding {

struct SourceMeasure {
  std::uint32_t kbps = 0;         // of the picture; 0: not enough is there to say
  double fps = 0;                 // the same
  std::uint32_t stated_kbps = 0;  // by the encoder; 0: not stated
  double seconds = 0;             // that were measured

  // What the source may have: of a quiet beginning what its encoder means to send, and nothing that was
  // measured of a few pictures. 0: not known.
  std::uint32_t most_kbps() const {
    constexpr double kEnough = 4;
    if (stated_kbps != 0) return kbps > stated_kbps ? kbps : stated_kbps;
    return seconds >= kEnough ? kbps : 0;
  }
};

// Of the newest ten seconds that the log holds.
SourceMeasure measure_source(const media::LogReader& log);

}  // namespace millrace::transcoding
