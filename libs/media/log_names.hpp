// What a log's states are called where people read them: in log lines and by millrace-log.
#pragma once

#include <string_view>

#include "media/log.hpp"

namespace millrace::media {

// "live", "unpublished", "timed_out", …: stream.proto's EndReason in lower case; "damaged" for none of them.
std::string_view name_of(LogEnd end);

}  // namespace millrace::media
