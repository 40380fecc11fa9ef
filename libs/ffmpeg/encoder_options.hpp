// The settings in the terms of each encoder. Pure.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "ffmpeg/encoder.hpp"

namespace millrace::ffmpeg {

// libav's private options, by name.
using EncoderOptions = std::vector<std::pair<std::string, std::string>>;

EncoderOptions encoder_options(EncoderFamily family, const EncoderSettings& settings);

}  // namespace millrace::ffmpeg
