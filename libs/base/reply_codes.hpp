// Codes of errors that one service answers another with, where the other tells them apart: part of the
// contract beside proto/. A service may not include another, so they stand here.
#pragma once

#include "base/result.hpp"

namespace millrace::reply_codes {

inline constexpr ErrorCode kUnknownStream = "auth.unknown_stream";
// A newer publisher has the stream.
inline constexpr ErrorCode kSuperseded = "auth.superseded";
inline constexpr ErrorCode kOverloaded = "auth.overloaded";
inline constexpr ErrorCode kUnknownViewer = "auth.unknown_viewer";
inline constexpr ErrorCode kTooManyViewers = "auth.too_many_viewers";
inline constexpr ErrorCode kPlaybackRequest = "auth.playback_request";
inline constexpr ErrorCode kPlaybackOff = "auth.playback_off";
inline constexpr ErrorCode kNotLive = "ingest.not_live";
inline constexpr ErrorCode kStreamNotMeasured = "metrics.unknown_stream";

}  // namespace millrace::reply_codes
