// What a source's pictures are like, as far as a plan of renditions depends on it. Pure.
#pragma once

#include "ffmpeg/frame.hpp"
#include "media/arena_reader.hpp"
#include "plan.hpp"
#include "wanted.hpp"

namespace millrace::transcoding {

inline double fps_of(const SourceRates& rates) {
  return static_cast<double>(rates.millifps) / 1000;
}

struct SourceShape {
  ffmpeg::PictureFormat picture;
  FrameRate frame_rate;

  bool operator==(const SourceShape&) const = default;
};

// Of a decoded picture. Pixels whose shape is not stated are square.
SourceShape shape_of(const ffmpeg::Frame& frame, const FrameRate& stated);
// By the configuration, or what was measured where that does not say.
FrameRate stated_rate(const media::LogReader::Configuration& configuration, double measured_fps);

SourceDescription describe(const SourceShape& shape, std::uint32_t kbps);

}  // namespace millrace::transcoding
