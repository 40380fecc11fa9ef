// Errors that callers tell apart. All others of this part are for people only.
#pragma once

#include "base/result.hpp"

namespace millrace::ingest::errors {

inline constexpr ErrorCode kName = "ingest.name";
inline constexpr ErrorCode kUnsupported = "ingest.unsupported";
inline constexpr ErrorCode kDenied = "ingest.denied";
inline constexpr ErrorCode kMaxStreams = "ingest.max_streams";
inline constexpr ErrorCode kBitrate = "ingest.bitrate";
inline constexpr ErrorCode kResolution = "ingest.resolution";
inline constexpr ErrorCode kSuperseded = "ingest.superseded";

}  // namespace millrace::ingest::errors
