// When a sample was produced, in front of its movie fragment: prft, ISO/IEC 14496-12 8.16.5, version 1.
#pragma once

#include <cstdint>
#include <optional>

#include "base/bytes.hpp"
#include "base/wall_time.hpp"

namespace millrace::mp4 {

// Of what is behind the encoder: never when a picture was captured (flags 24).
struct ProducerReferenceTime {
  std::uint32_t track_id = 0;
  WallTime wall{};               // of media_time; not before 1970
  std::uint64_t media_time = 0;  // on the track's timeline

  bool operator==(const ProducerReferenceTime&) const = default;
};

void write_producer_reference_time(ByteWriter& writer, const ProducerReferenceTime& reference);
// payload: of a prft. nullopt: damaged, or of another version. The time is a microsecond before at most.
std::optional<ProducerReferenceTime> read_producer_reference_time(ByteView payload);

}  // namespace millrace::mp4
