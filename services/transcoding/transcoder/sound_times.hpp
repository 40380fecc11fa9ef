// What a piece of encoded sound is in the source: frames of another length than the source's, found by their
// time. Pure.
//
//   source's frames    |  10  |  10  |  11  |  11  |        number: place of its segment
//   encoded ones       | 10 | 10 | 10 | 11 | 11 | 11        segment of the source's frame that is heard then
//
// A segment begins with the first encoded frame at or after the source's first frame in it.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>

#include "media/sample.hpp"
#include "source_note.hpp"

namespace millrace::transcoding {

class SoundTimes {
 public:
  // Frames that a decoder and an encoder may hold back, and then some. The oldest one goes for a further one.
  static constexpr std::size_t kMaxWaiting = 512;

  // timescale: of the encoded sound.
  explicit SoundTimes(std::uint32_t timescale) : timescale_(timescale) {}

  // Of every record of the sound, in the source's order, before it is decoded. record_timescale: its own.
  void add(const media::SampleRecord& record, std::uint32_t record_timescale, const SourceTargets& targets);
  // A frame that was encoded. nullopt: nothing of the source is heard then (what an encoder begins with), or
  // it does not come after the one before: it is to be left out.
  std::optional<SourceNote> take(std::int64_t pts);
  // Where a frame of the source stands, in the encoded sound's timescale.
  std::int64_t time_of(const media::SampleRecord& record, std::uint32_t record_timescale) const {
    return record.dts * timescale_ / record_timescale;
  }

 private:
  std::uint32_t timescale_;
  std::deque<SourceNote> frames_;
  std::optional<std::uint64_t> last_segment_;
  std::int64_t last_pts_ = INT64_MIN;
};

}  // namespace millrace::transcoding
