// Errors that callers tell apart. All others of this part are for people only.
#pragma once

#include "base/result.hpp"

namespace millrace::api::errors {

inline constexpr ErrorCode kUnauthorized = "api.unauthorized";
inline constexpr ErrorCode kRead = "api.read";
inline constexpr ErrorCode kVodBusy = "api.vod_busy";
inline constexpr ErrorCode kVodSegments = "api.vod_segments";

}  // namespace millrace::api::errors
