// The levels of H.264, H.265 and AV1: what a decoder must be able to do. Pure.
//
// Specifications: ITU-T H.264 table A-1, H.265 tables A.8 and A.9, AV1 A.3.
#pragma once

#include <cstdint>
#include <string>

#include "media/sample.hpp"

namespace millrace::transcoding {

struct LevelDemand {
  std::uint32_t width = 0;
  std::uint32_t height = 0;
  std::uint32_t fps = 30;
  std::uint32_t max_kbps = 0;
};

// The lowest that is enough: 31 is 3.1. Of what is above all of them the highest.
int level_for(media::Codec codec, const LevelDemand& demand);
// H.264: how many reference frames of that size the level has room for, 16 at most.
int most_reference_frames(int level, std::uint32_t width, std::uint32_t height);
// RFC 6381, of what our encoders make: high profile, main profile with 8 bits.
std::string codec_string(media::Codec codec, int level);

}  // namespace millrace::transcoding
