// Errors that callers tell apart. All others of this part are for people only.
#pragma once

#include "base/result.hpp"

namespace millrace::media::errors {

inline constexpr ErrorCode kNotFound = "media.not_found";
inline constexpr ErrorCode kDamaged = "media.damaged";
inline constexpr ErrorCode kNoSpace = "media.no_space";

}  // namespace millrace::media::errors
