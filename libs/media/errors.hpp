// Errors that callers tell apart. All others of this part are for people only.
#pragma once

#include "base/result.hpp"

namespace millrace::media::errors {

inline constexpr ErrorCode kNotFound = "media.not_found";
inline constexpr ErrorCode kDamaged = "media.damaged";
inline constexpr ErrorCode kNoSpace = "media.no_space";
inline constexpr ErrorCode kTooLarge = "media.too_large";
inline constexpr ErrorCode kTooManyConfigurations = "media.too_many_configurations";
inline constexpr ErrorCode kNoDimensions = "media.no_dimensions";
inline constexpr ErrorCode kTimescale = "media.timescale";

}  // namespace millrace::media::errors
