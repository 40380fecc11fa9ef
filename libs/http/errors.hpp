// Errors that callers tell apart. All others of this part are for people only.
#pragma once

#include "base/result.hpp"

namespace millrace::http::errors {

inline constexpr ErrorCode kStopped = "http.stopped";
inline constexpr ErrorCode kOverloaded = "http.overloaded";
inline constexpr ErrorCode kDeadline = "http.deadline";
inline constexpr ErrorCode kUnsent = "http.unsent";
inline constexpr ErrorCode kBadAnswer = "http.bad_answer";
inline constexpr ErrorCode kTooLarge = "http.too_large";
inline constexpr ErrorCode kFileName = "http.file_name";
inline constexpr ErrorCode kFileIo = "http.file_io";

}  // namespace millrace::http::errors
