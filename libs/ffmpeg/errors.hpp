// The library's errors that others compare.
#pragma once

#include "base/result.hpp"

namespace millrace::ffmpeg::errors {

inline constexpr ErrorCode kNotBuiltIn = "ffmpeg.not_built_in";  // this libav has no such codec or filter
inline constexpr ErrorCode kNotUsable = "ffmpeg.not_usable";     // it is there and does not do what is needed
inline constexpr ErrorCode kUnknownName = "ffmpeg.unknown_name";
inline constexpr ErrorCode kBadInput = "ffmpeg.bad_input";  // what was given could not be decoded; go on
inline constexpr ErrorCode kNoMemory = "ffmpeg.no_memory";
inline constexpr ErrorCode kFailed = "ffmpeg.failed";

}  // namespace millrace::ffmpeg::errors
