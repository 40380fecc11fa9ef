// Errors that callers tell apart. All others of this part are for people only.
#pragma once

#include <string_view>

#include "base/result.hpp"

namespace millrace::codecs::errors {

inline constexpr std::string_view kFamily = "codecs.";  // all of them begin so
inline constexpr ErrorCode kAvcNoSps = "codecs.avc_no_sps";
inline constexpr ErrorCode kHevcNoSps = "codecs.hevc_no_sps";

}  // namespace millrace::codecs::errors
