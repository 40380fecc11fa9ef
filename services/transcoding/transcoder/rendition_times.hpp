// The record of a coded picture in a rendition's log: the source's presentation time, wall clock, segment and
// discontinuity; decode time and parts of its own. Pure.
#pragma once

#include <cstdint>
#include <optional>

#include "media/part_rule.hpp"
#include "media/sample.hpp"
#include "picture_times.hpp"

namespace millrace::transcoding {

class RenditionTimes {
 public:
  // part_target_us: of the source; 0: not fixed yet, or none.
  explicit RenditionTimes(std::uint32_t part_target_us) : parts_(part_target_us) {}

  // The source has fixed it meanwhile. Once at most.
  void fix_part_target(std::uint32_t target_us) { parts_.fix(target_us); }
  std::uint32_t part_target_us() const { return parts_.target_us(); }

  // dts: as the encoder has it; moved behind the one before where it is not. Everything of the record but
  // track, configuration, place and the key flags.
  media::SampleRecord place(const PictureNote& note, std::int64_t dts, std::int64_t now_us);

 private:
  media::PartRule parts_;
  std::optional<media::SampleRecord> last_;
};

}  // namespace millrace::transcoding
