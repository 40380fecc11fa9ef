// Errors that callers tell apart. All others of this part are for people only.
#pragma once

#include <string_view>

#include "base/result.hpp"

namespace millrace::mp4::errors {

inline constexpr std::string_view kFamily = "mp4.";  // all of them begin so
inline constexpr ErrorCode kEmpty = "mp4.empty";
inline constexpr ErrorCode kChanged = "mp4.changed";
inline constexpr ErrorCode kMoov = "mp4.moov";
inline constexpr ErrorCode kTables = "mp4.tables";
inline constexpr ErrorCode kTooLarge = "mp4.too_large";

}  // namespace millrace::mp4::errors
