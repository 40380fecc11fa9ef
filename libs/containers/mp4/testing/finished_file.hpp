// Reads the samples of a finished MP4 back, for tests: which bytes, when, key frame or not. Every way that
// finish() writes is understood; a damaged table gives nullopt.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "containers/mp4/edit_list.hpp"
#include "containers/mp4/track.hpp"

namespace millrace::mp4::test {

struct FinishedSample {
  std::uint64_t offset = 0;  // in the file
  std::uint32_t size = 0;
  std::uint64_t decode_time = 0;  // media time
  std::uint32_t duration = 0;
  std::int32_t composition_offset = 0;
  bool key = false;
  bool recovery = false;  // of the group 'rap '
  std::uint32_t description = 1;
};

struct FinishedTrack {
  Track track;
  Edit edit;
  bool large_offsets = false;        // co64
  std::uint8_t ctts_version = 0xFF;  // 0xFF: none
  std::vector<FinishedSample> samples;
};

std::optional<std::vector<FinishedTrack>> read_finished(ByteView file);

// When the movie presents a sample, in microseconds.
std::int64_t presented_us(const FinishedTrack& track, const FinishedSample& sample);

}  // namespace millrace::mp4::test
