// The record of a coded sample in a rendition's log: the source's presentation time, wall clock, segment and
// discontinuity; decode time and parts of its own. Pure.
#pragma once

#include <cstdint>
#include <optional>

#include "media/part_rule.hpp"
#include "media/sample.hpp"
#include "source_note.hpp"

namespace millrace::transcoding {

struct RenditionTrack {
  std::uint8_t track = media::kVideoTrack;
  bool picture = true;
  std::uint32_t timescale = 90'000;
  std::int64_t duration = 0;  // of a sample, where all are as long
};

class RenditionTimes {
 public:
  // part_target_us: of the source; 0: not fixed yet, or none.
  RenditionTimes(const RenditionTrack& track, std::uint32_t part_target_us)
      : track_(track), parts_(part_target_us) {}

  // The source has fixed it meanwhile. Once at most.
  void fix_part_target(std::uint32_t target_us) { parts_.fix(target_us); }
  std::uint32_t part_target_us() const { return parts_.target_us(); }

  // dts: as the encoder has it; moved behind the one before where it is not. Everything of the record but
  // track, configuration, place and the key flags.
  media::SampleRecord place(const SourceNote& note, std::int64_t dts, std::int64_t now_us);

 private:
  std::int64_t to_us(std::int64_t ticks) const;

  const RenditionTrack track_;
  media::PartRule parts_;
  std::optional<media::SampleRecord> last_;
};

}  // namespace millrace::transcoding
