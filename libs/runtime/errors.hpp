// Errors that callers tell apart. All others of this part are for people only.
#pragma once

#include "base/errors.hpp"

namespace millrace::runtime::errors {

inline constexpr ErrorCode kPortInUse = "runtime.port_in_use";
static_assert(kPortInUse.ends_with(millrace::errors::kPortInUseSuffix));

}  // namespace millrace::runtime::errors
