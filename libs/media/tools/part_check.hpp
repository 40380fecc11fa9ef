// Checks the parts of a log's records against the rules of docs/media-log.md. Sans-IO, pure.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "media/sample.hpp"

namespace millrace::media {

class PartCheck {
 public:
  // problem: a record that no writer should have written. warning: a part that is too long or too short,
  // which an encoder's uneven times make.
  using Report = std::function<void(const SampleRecord&, const std::string&)>;
  PartCheck(std::uint32_t target_us, Report problem, Report warning)
      : target_us_(target_us), problem_(std::move(problem)), warning_(std::move(warning)) {}

  // Records in order. configuration: the record's; null where it is not known.
  void add(const SampleRecord& record, const TrackConfiguration* configuration);
  // Records are missing.
  void forget() { tracks_ = {}; }

 private:
  struct Track {
    std::uint32_t part = 0;
    std::uint64_t media_sequence = 0;
    std::uint32_t discontinuity_sequence = 0;
    std::uint32_t timescale = 0;
    std::optional<std::int64_t> start_dts;  // of the part; none: it was not read from its beginning
    std::int64_t last_dts = 0;
    bool has_key_picture = false;
  };

  void check_number(const SampleRecord& record, const Track& track);
  void check_length(const SampleRecord& next, const Track& track);

  std::uint32_t target_us_;
  Report problem_;
  Report warning_;
  std::array<std::optional<Track>, kMaxTracks> tracks_{};
};

}  // namespace millrace::media
