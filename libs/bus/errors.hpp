// Errors that callers tell apart. All others of this part are for people only.
#pragma once

#include "base/errors.hpp"

namespace millrace::bus::errors {

inline constexpr ErrorCode kAddress = "bus.address";
static_assert(kAddress.ends_with(millrace::errors::kAddressSuffix));

}  // namespace millrace::bus::errors
