#include "track_configuration.hpp"

#include "base/siphash.hpp"
#include "containers/mp4/init_segment.hpp"
#include "media/track_label.hpp"

namespace millrace::packaging {

using media::LogReader;

TrackDescription describe(const LogReader::Configuration& configuration) {
  const media::TrackConfiguration& description = configuration.description;
  TrackDescription result;
  if (description.track >= media::kMaxTracks || description.kind == media::TrackKind::kData) return result;
  auto described = media::mp4_track(description, configuration.bytes);
  if (!described) {
    const bool video = description.kind == media::TrackKind::kVideo;
    result.refusal = std::string(video ? "video" : "audio") + " configuration: " + described.error().message;
    return result;
  }
  result.timing.track = description.track;
  result.timing.usable = true;
  result.timing.kind = description.kind;
  result.timing.timescale = description.timescale;
  result.timing.frame_duration = described->frame_duration;
  result.codec = std::move(described->codec);
  result.width = described->track.width;
  result.height = described->track.height;
  result.frames_per_second = described->frames_per_second;
  result.language = media::language_of(description.label);
  result.name = media::name_of(description.label);
  result.track = std::move(described->track);
  constexpr HashKey kForEver{};  // the same in every process: names are made of it
  result.digest = static_cast<std::uint32_t>(siphash(kForEver, configuration.bytes));
  return result;
}

Bytes init_segment(const TrackDescription& description) {
  return description.timing.usable ? mp4::init_segment({&description.track, 1}) : Bytes{};
}

}  // namespace millrace::packaging
