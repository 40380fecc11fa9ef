#include "source_shape.hpp"

#include "media/mp4_track.hpp"

namespace millrace::transcoding {

SourceShape shape_of(const ffmpeg::Frame& frame, const FrameRate& stated) {
  SourceShape shape{frame.picture(), stated};
  ffmpeg::Rational& aspect = shape.picture.sample_aspect;
  if (aspect.num <= 0 || aspect.den <= 0) aspect = {1, 1};
  return shape;
}

FrameRate stated_rate(const media::LogReader::Configuration& configuration, double measured_fps) {
  const Result<media::Mp4Track> track = media::mp4_track(configuration.description, configuration.bytes);
  const bool states = track && track->frames_per_second;
  return usual_frame_rate(states ? *track->frames_per_second : measured_fps);
}

SourceDescription describe(const SourceShape& shape, std::uint32_t kbps) {
  SourceDescription source;
  source.width = static_cast<std::uint32_t>(shape.picture.width);
  source.height = static_cast<std::uint32_t>(shape.picture.height);
  source.aspect_num = static_cast<std::uint32_t>(shape.picture.sample_aspect.num);
  source.aspect_den = static_cast<std::uint32_t>(shape.picture.sample_aspect.den);
  source.colour = shape.picture.colour;
  source.frame_rate = shape.frame_rate;
  source.kbps = kbps;
  return source;
}

}  // namespace millrace::transcoding
