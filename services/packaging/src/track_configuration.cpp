#include "track_configuration.hpp"

#include "containers/mp4/init_segment.hpp"

namespace millrace::packaging {

using media::LogReader;

TrackDescription describe(const LogReader::Configuration& configuration) {
  const media::TrackConfiguration& description = configuration.description;
  TrackDescription result;
  if (description.track >= kTracks) return result;
  auto described = media::mp4_track(description, configuration.bytes);
  if (!described) {
    const bool video = description.track == media::kVideoTrack;
    result.refusal = std::string(video ? "video" : "audio") + " configuration: " + described.error().message;
    return result;
  }
  result.timing.track = description.track;
  result.timing.usable = true;
  result.timing.timescale = description.timescale;
  result.timing.frame_duration = described->frame_duration;
  result.codec = std::move(described->codec);
  result.width = described->track.width;
  result.height = described->track.height;
  result.frames_per_second = described->frames_per_second;
  result.track = std::move(described->track);
  return result;
}

Bytes init_segment(const std::vector<TrackDescription>& descriptions,
                   const std::array<std::optional<std::uint32_t>, kTracks>& configurations) {
  std::vector<mp4::Track> tracks;
  for (const auto& configuration : configurations) {
    if (!configuration) continue;
    if (*configuration >= descriptions.size() || !descriptions[*configuration].timing.usable) return {};
    tracks.push_back(descriptions[*configuration].track);
  }
  return tracks.empty() ? Bytes{} : mp4::init_segment(tracks);
}

}  // namespace millrace::packaging
