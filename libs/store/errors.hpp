// Errors that callers tell apart. All others of this part are for people only.
#pragma once

#include <string_view>

#include "base/result.hpp"

namespace millrace::store::errors {

inline constexpr std::string_view kFamily = "store.";  // all of them begin so
inline constexpr ErrorCode kConstraint = "store.constraint";
inline constexpr ErrorCode kBusy = "store.busy";
inline constexpr ErrorCode kUnavailable = "store.unavailable";

}  // namespace millrace::store::errors
