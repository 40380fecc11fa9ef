// Errors that callers tell apart. All others of this part are for people only.
#pragma once

#include "base/errors.hpp"

namespace millrace::net::errors {

inline constexpr ErrorCode kAddress = "net.address";
inline constexpr ErrorCode kPortDenied = "net.port_denied";
inline constexpr ErrorCode kPortInUse = "net.port_in_use";
static_assert(kAddress.ends_with(millrace::errors::kAddressSuffix) &&
              kPortDenied.ends_with(millrace::errors::kPortDeniedSuffix) &&
              kPortInUse.ends_with(millrace::errors::kPortInUseSuffix));

}  // namespace millrace::net::errors
