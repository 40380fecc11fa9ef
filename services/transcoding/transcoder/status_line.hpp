// A child's state as a line of JSON, for whoever started it.
#pragma once

#include <string>

#include "transcoder.hpp"

namespace millrace::transcoding {

std::string status_line(const TranscoderStatus& status, const Transcoder& transcoder);

}  // namespace millrace::transcoding
