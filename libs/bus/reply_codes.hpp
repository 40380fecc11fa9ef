// Codes of Error have static storage; a reply's code is the peer's text. Any thread.
#pragma once

#include <string>

#include "base/result.hpp"

namespace millrace::bus {

// The known ones are few; what is new is kept once, up to a bound, beyond which it is "bus.peer_error".
ErrorCode intern_code(const std::string& code);

}  // namespace millrace::bus
