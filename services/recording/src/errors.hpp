// Errors that callers distinguish. All others of this part are for people only.
#pragma once

#include "base/result.hpp"

namespace millrace::recording::errors {

inline constexpr ErrorCode kDamaged = "recording.damaged";
inline constexpr ErrorCode kLocked = "recording.locked";
inline constexpr ErrorCode kExists = "recording.exists";
inline constexpr ErrorCode kGone = "recording.gone";
inline constexpr ErrorCode kIo = "recording.io";

}  // namespace millrace::recording::errors
