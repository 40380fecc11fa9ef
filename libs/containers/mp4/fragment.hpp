// Movie fragments (ISO/IEC 14496-12 8.8): what stands before the payloads of a CMAF chunk, and its reading.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/bytes.hpp"
#include "base/result.hpp"

namespace millrace::mp4 {

struct FragmentSample {
  std::uint32_t duration = 0;           // units of the track's timescale
  std::uint32_t size = 0;               // bytes
  std::int32_t composition_offset = 0;  // presentation minus decode time; may be negative
  bool key = false;                     // a sync sample
  // No sync sample, but decoding can begin at it: an I picture of an open GOP. Pictures that follow it in
  // decode order and are shown before it may refer to what was before. Not with key.
  bool recovery = false;

  bool operator==(const FragmentSample&) const = default;
};

// The samples of one track in a fragment, one after the other in decode order.
struct TrackRun {
  std::uint32_t track_id = 0;
  std::uint64_t base_decode_time = 0;  // of the first sample
  std::vector<FragmentSample> samples;
  // Number of their sample description in the finished track. It is in a box of our own: the movie box that a
  // player of the fragments has read may not have it yet, so their track has one description, and what
  // differs must be in the samples.
  std::uint32_t description = 1;

  bool operator==(const TrackRun&) const = default;
};

// Payloads of one fragment together: offsets in it are signed 32-bit numbers.
inline constexpr std::uint64_t kMaxFragmentPayload = 1ULL << 30;

// moof and the 8-byte header of mdat. The payloads must follow: runs in order, samples in order. A run
// without samples is left out. before: boxes in front of moof. Precondition: the sizes add up to at most
// kMaxFragmentPayload.
Bytes fragment_header(std::uint32_t sequence_number, std::span<const TrackRun> runs, ByteView before = {});

// styp, and then the same: of a segment of one fragment that is a file of its own.
Bytes segment_header(std::uint32_t sequence_number, std::span<const TrackRun> runs, ByteView before = {});

// A segment of a track that has nothing in it, for players that know no better than to load a gap: styp, a
// moof whose track fragment has a decode time and no run, and an mdat without payload.
Bytes empty_segment(std::uint32_t sequence_number, std::uint32_t track_id, std::uint64_t decode_time);

// Decode times beyond this are refused when read: years, at any timescale in use, and far from overflowing.
inline constexpr std::int64_t kMaxDecodeTime = std::int64_t{1} << 42;

struct FragmentHeader {
  std::uint32_t sequence_number = 0;
  std::vector<TrackRun> runs;
  std::uint64_t payload_size = 0;  // all samples together
};

// Reads moof's payload as fragment_header writes it. "mp4.moof": damaged, or of a form we do not write.
Result<FragmentHeader> read_fragment(ByteView moof);

}  // namespace millrace::mp4
