// A child's state as a line of JSON, for whoever started it.
#pragma once

#include <string>

#include "picture_line.hpp"
#include "transcoder.hpp"

namespace millrace::transcoding {

std::string status_line(const media::LogInfo& source, const TranscoderStatus& status,
                        const PictureLine& line);

}  // namespace millrace::transcoding
