// Errors that callers tell apart. All others of this part are for people only.
#pragma once

#include <string_view>

#include "base/result.hpp"

namespace millrace::errors {

inline constexpr ErrorCode kFileSize = "file.size";

// A start that failed, whatever part of the program it was: what the code begins or ends with says how the
// process ends (runtime::run_service).
inline constexpr std::string_view kConfigFamily = "config.";
inline constexpr std::string_view kAddressSuffix = ".address";
inline constexpr std::string_view kPortDeniedSuffix = ".port_denied";
inline constexpr std::string_view kPortInUseSuffix = ".port_in_use";

}  // namespace millrace::errors
