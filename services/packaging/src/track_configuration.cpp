#include "track_configuration.hpp"

#include "codecs/aac.hpp"
#include "codecs/h264.hpp"
#include "containers/mp4/init_segment.hpp"

namespace millrace::packaging {
namespace {

using media::LogReader;

TrackTiming timing_of(const media::TrackConfiguration& description) {
  TrackTiming timing;
  timing.track = description.track;
  timing.usable = description.timescale > 0;
  timing.timescale = description.timescale;
  timing.media_sequence = description.media_sequence;
  return timing;
}

mp4::Track track_of(const LogReader::Configuration& configuration) {
  mp4::Track track;
  track.id = track_id(configuration.description.track);
  track.timescale = configuration.description.timescale;
  track.configuration = configuration.bytes;
  return track;
}

TrackDescription describe_video(const LogReader::Configuration& configuration) {
  TrackDescription result;
  const auto avc = codecs::parse_avc_configuration(configuration.bytes);
  if (!avc) {
    result.refusal = "video configuration: " + avc.error().message;
    return result;
  }
  result.timing = timing_of(configuration.description);
  result.codec = codecs::codec_string(*avc);
  result.width = avc->width;
  result.height = avc->height;
  result.frames_per_second = avc->fps;
  result.track = track_of(configuration);
  result.track.type = mp4::TrackType::kVideo;
  result.track.codec = mp4::Codec::kAvc;
  result.track.width = avc->width;
  result.track.height = avc->height;
  return result;
}

TrackDescription describe_audio(const LogReader::Configuration& configuration) {
  TrackDescription result;
  const auto aac = codecs::parse_audio_specific_config(configuration.bytes);
  if (!aac) {
    result.refusal = "audio configuration: " + aac.error().message;
    return result;
  }
  result.timing = timing_of(configuration.description);
  // A frame lasts frame_length samples of the core, whatever SBR makes of them.
  result.timing.frame_duration = static_cast<std::uint32_t>(
      std::uint64_t{aac->frame_length} * configuration.description.timescale / aac->sample_rate);
  result.codec = codecs::codec_string(*aac);
  result.track = track_of(configuration);
  result.track.type = mp4::TrackType::kAudio;
  result.track.codec = mp4::Codec::kAac;
  result.track.sample_rate = aac->sample_rate;
  result.track.channels = aac->channels;
  return result;
}

}  // namespace

TrackDescription describe(const LogReader::Configuration& configuration) {
  const media::TrackConfiguration& description = configuration.description;
  TrackDescription result;
  if (description.track == media::kVideoTrack) {
    if (description.codec == media::Codec::kH264) return describe_video(configuration);
    result.refusal = "the video codec is not packaged";
  } else if (description.track == media::kAudioTrack) {
    if (description.codec == media::Codec::kAac) return describe_audio(configuration);
    result.refusal = "the audio codec is not packaged";
  }
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
