// What would be made of a live source, before anything of it is encoded: its newest key frame is decoded,
// renditions are planned of it, and their encoders opened for their parameter sets. Owner: the program's
// main thread.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "media/arena_set.hpp"
#include "picture_line.hpp"
#include "publication/track_format.hpp"
#include "source_measure.hpp"

namespace millrace::transcoding {

struct PlannedTrack {
  std::string name;
  publication::TrackFormat format;   // as its log will have it
  std::uint32_t frame_rate_mhz = 0;  // thousandths of a picture a second; of pictures
  std::uint32_t kbps = 0, peak_kbps = 0;
  std::uint32_t source_configuration = 0;  // of the track that it is made of, in the source's log
};

struct SourcePlan {
  PublicationId publication{};
  // What it was planned by. Who makes the renditions has to go by the same.
  SourceRates rates{};
  std::uint32_t picture = 0;  // configuration of the picture that it was planned by; 0 also: there is none
  std::vector<PlannedTrack> tracks;
  std::vector<std::string> left_out;
};

class SourcePlanner {
 public:
  // source: as find_source() has it.
  static Result<SourcePlanner> open(const media::FoundLog& source, LineSettings settings);
  // Once. errors::kNotYet: later there may be more of it.
  Result<SourcePlan> plan();

 private:
  SourcePlanner(media::FoundLog source, media::LogReader log, LineSettings settings)
      : source_(std::move(source)), log_(std::move(log)), settings_(std::move(settings)) {}

  Result<void> plan_pictures(SourcePlan& plan);
  Result<void> plan_sound(SourcePlan& plan) const;
  Result<SourceShape> shape(double fps);
  Result<PlannedTrack> track(const Rendition& rendition) const;

  media::FoundLog source_;
  media::LogReader log_;
  LineSettings settings_;
  std::uint32_t picture_ = 0;
};

// A line of JSON.
std::string plan_line(const SourcePlan& plan);

}  // namespace millrace::transcoding
