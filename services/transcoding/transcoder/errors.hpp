// Errors that callers tell apart. All others of this part are for people only.
#pragma once

#include "base/result.hpp"

namespace millrace::transcoding::errors {

inline constexpr ErrorCode kNoSource = "transcoding.no_source";
inline constexpr ErrorCode kNotYet = "transcoding.not_yet";  // too little of a source is there to plan by

}  // namespace millrace::transcoding::errors
